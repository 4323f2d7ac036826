"""A picture of a ladder: where swaps are refused, and how states travel."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from lightning_ebm.tempering.ladder import Ladder

N_ARRIVED = 5
"""Paths in colour, of the latest states that came to β = 1."""


def ladder_picture(ladder: Ladder, orders: Sequence[Tensor]) -> Figure:
    """β against the rejection of each pair, and the rungs of one column's states over rounds.

    Args:
        ladder: with its running rejections.
        orders: for each of the latest rounds, which rung each state came from, `(K,)`.
    """
    figure = Figure(figsize=(10, 9), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    betas, rejections = ladder.betas.numpy(), ladder.rejections.numpy()
    upper.stairs(rejections, betas, fill=True, alpha=0.4)
    upper.plot(betas, 0 * betas, "k|", markersize=12)
    upper.set(
        xlabel="β",
        ylabel="rejection of swaps",
        xlim=(0, 1),
        ylim=(0, 1),
        title=f"barrier {float(ladder.barrier):.2f}, {len(ladder)} rungs",
    )
    paths = paths_of(orders)
    arrived = [path for path in paths if max(path[1]) == len(ladder) - 1][-N_ARRIVED:]
    for path in paths:
        told = path in arrived
        lower.plot(*path, color=None if told else "0.8", linewidth=1.6 if told else 0.7)
    lower.set(
        xlabel="round",
        ylabel="rung, from the flow to the model",
        ylim=(-0.3, len(ladder) - 0.7),
        title="states of one column; in colour the latest that came to the model",
    )
    return figure


def paths_of(orders: Sequence[Tensor]) -> list[tuple[list[int], list[int]]]:
    """Times and rungs of every state that was in the column, the latest born last.

    A state is born at rung 0, which is drawn afresh in each round, or was there at first.
    """
    if not orders or len({len(order) for order in orders}) > 1:
        return []
    n_rungs = len(orders[0])
    paths: list[tuple[list[int], list[int]]] = []
    held: list[int] = [-1] * n_rungs
    for t, order in enumerate(orders):
        for k in range(n_rungs):
            if k == 0 or held[k] < 0:
                paths.append(([t], [k]))
                held[k] = len(paths) - 1
        held = [held[int(k)] for k in order]
        for k, state in enumerate(held):
            paths[state][0].append(t + 1)
            paths[state][1].append(k)
    return paths

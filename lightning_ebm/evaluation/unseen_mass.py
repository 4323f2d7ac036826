"""Mass of the model that a proposal may have missed: looked for by chains, judged by weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.evaluation.log_z import UNSEEN, local_log_masses, unaccounted_shares
from lightning_ebm.evaluation.search import SNAPSHOTS, look_around, widened_noise
from lightning_ebm.problem import Problem

N_NOISE = 240
N_ORDINARY = 64
N_SUSPECT = 96
"""Chains begun as noise; at ordinary points of a sample; at points that speak against it."""
SUSPECT = UNSEEN / 5
"""Share of Z from which on a chain is to run on."""
BATCH, LONGER, N_STATES = 32, 5, 100
"""How many of the chains that found something run on at once, for how many times as long, and how
many of their states tell what lies in the region where they stay."""

Weights = Callable[[Tensor], Tensor]
"""Maps points `(n, *event)` to log p̃/q `(n,)`, q the proposal."""


class Search(NamedTuple):
    """What was looked for and found.

    Attributes:
        unseen: largest share of Z that may lie where some chain stays and no draw tells of it.
        looked: where chains began, and how long they ran, in words.
        doubts: what was found, a clause for each origin of chains.
    """

    unseen: float
    looked: str
    doubts: list[str]


def look_for_unseen_mass(
    problem: Problem,
    samples: dict[str, Tensor],
    draws: Tensor,
    log_weights: Weights,
    proposal_weights: Tensor,
    log_z: float,
    n_steps: int,
    proposal: str,
    snapshots: int = SNAPSHOTS,
) -> Search:
    """Run chains from noise and from samples, and bound what lies where they stay.

    Of each sample, and of the draws, those points begin chains that, standing alone, would speak
    against log Z, and some ordinary ones. A point in the tail of a mode that the proposal covers
    walks back into it; one in a mode that was lost stays, be it one of thousands.

    Args:
        problem: the model.
        samples: points `(n, *event)` by the name of where they come from.
        draws: points that fresh chains drew from the model, `(n, *event)`.
        log_weights: see `Weights`.
        proposal_weights: log-weights at the proposal's draws, `(n,)`.
        log_z: the estimate that is questioned.
        n_steps: steps of each chain; with 0 the points themselves are all there is.
        proposal: what the proposal is called.
        snapshots: states of each chain that are weighed.
    """

    def shares(points: Tensor) -> Tensor:
        weights = log_weights(points.flatten(0, 1)).view(points.shape[:2])
        return unaccounted_shares(weights, proposal_weights, log_z)

    starts, alone = {}, {}
    for name, x in (samples | {"fresh chains": draws}).items():
        alone[name] = shares(x[None])
        starts[name] = x[_suspect_and_ordinary(alone[name])]
    # Whether or not they stay there, that much of the model lies where no draw tells of it; twice
    # as much, as the chains began elsewhere and may not have come to rest.
    heavy = 2 * float((alone["fresh chains"] > UNSEEN).double().mean())
    if n_steps == 0:
        return _found(alone, heavy, "", proposal, len(proposal_weights))
    starts["noise"] = widened_noise(problem.reference, N_NOISE).to(draws)
    trails = look_around(problem, starts, n_steps)
    # What is begun as noise and still climbs has not come to where the model is.
    noise = torch.tensor([name == "noise" for name in trails.origins], device=draws.device)
    heard = ~noise | trails.settled
    found = torch.zeros(len(noise), dtype=torch.float64, device=draws.device)
    found[heard] = shares(_some(trails.points[:, heard], snapshots))
    # Suspects run on, a batch at a time, until some of them are confirmed or all are cleared.
    suspects = (found > SUSPECT).nonzero()[:, 0]
    for rows in suspects.split(BATCH) if len(suspects) else ():
        where = trails.points[-1, rows]
        found[rows] = shares_where_they_stay(
            problem, where, noise[rows], shares, log_z, n_steps, snapshots
        )
        if (found[rows] > UNSEEN).any():
            break
    parts = dict(zip(starts, found.split([len(x) for x in starts.values()]), strict=True))
    names = ", ".join(f"{len(x)} from {name}" for name, x in starts.items())
    looked = f"{len(found)} chains of {n_steps} steps and more ({names})"
    return _found(parts, heavy, looked, proposal, len(proposal_weights))


def shares_where_they_stay(
    problem: Problem,
    x: Tensor,
    noise: Tensor,
    shares: Callable[[Tensor], Tensor],
    log_z: float,
    n_steps: int,
    snapshots: int,
) -> Tensor:
    """At most how much of Z lies where chains from points stay, by what bounds it best, `(n,)`.

    Args:
        problem: the model.
        x: points `(n, *event)`, for which five times `n_steps` are taken.
        noise: which of them began as noise, `(n,)` bool: if they still climb, they have not come
            to where the model is, and count for nothing.
        shares: what may be unaccounted for where states `(draws, n, *event)` are, `(n,)`.
        log_z: the estimate that is questioned.
        n_steps: steps of each chain before.
        snapshots: states of each chain that `shares` is given.
    """
    longer = look_around(problem, {"": x}, LONGER * n_steps, N_STATES)
    local = (local_log_masses(longer.points, longer.log_prob) - log_z).exp()
    least = torch.minimum(shares(_some(longer.points, snapshots)), local)
    return least.masked_fill(noise & ~longer.settled, 0.0)


def _found(parts: dict[str, Tensor], heavy: float, looked: str, proposal: str, n: int) -> Search:
    doubts = [
        f"{proposal} misses mass: up to {float(share.max()):.1%} of the model may lie where "
        f"{int((share > UNSEEN).sum())} of {len(share)} chains from {name} stay and its {n} draws "
        "hardly come"
        for name, share in parts.items()
        if (share > UNSEEN).any()
    ]
    if heavy > UNSEEN:
        doubts.append(f"{heavy / 2:.1%} of fresh chains are where its {n} draws hardly come")
    unseen = max(heavy, *(float(share.max()) for share in parts.values()))
    return Search(unseen, looked, doubts)


def _suspect_and_ordinary(shares: Tensor) -> Tensor:
    """Rows that speak against the estimate, and some of the others, evenly spaced."""
    suspect = (shares > UNSEEN).nonzero()[:, 0]
    others = (shares <= UNSEEN).nonzero()[:, 0]
    return torch.cat([_evenly(suspect, N_SUSPECT), _evenly(others, N_ORDINARY)])


def _some(points: Tensor, n: int) -> Tensor:
    """Every so many-th of the snapshots, n of them at least where there are as many."""
    return points[:: max(1, len(points) // n)]


def _evenly(rows: Tensor, at_most: int) -> Tensor:
    if len(rows) <= at_most:
        return rows
    return rows[torch.linspace(0, len(rows) - 1, at_most, device=rows.device).long()]

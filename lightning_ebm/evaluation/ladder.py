"""A ladder from the flow to a model that was trained by whatever sampler, run to be believed."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightning_ebm.kernels import GeneralisedHMC
from lightning_ebm.problem import Problem
from lightning_ebm.tempering import (
    Ladder,
    LadderRecord,
    ReplicaExchange,
    ladder_log_z,
    merged,
    pooled_log_weights,
    record,
)

MAX_REJECTION = 0.4
N_PARTS = 16
"""Groups of columns that a jackknife leaves out in turn."""
CHUNK = 10
"""Rounds for which fresh draws of the flow are evaluated at once, and of which states are kept."""


def climb(space: Problem, n: int, n_rounds: int) -> LadderRecord:
    """Temper from a problem's proposal to it: adapt first, then run as one kernel.

    Rungs and step sizes are adapted over a quarter of all rounds; then all stands still, a quarter
    more is left to forget that, and the other half is what counts.

    Args:
        space: the model, best pulled back to the latent space of a flow.
        n: columns.
        n_rounds: rounds altogether.

    Source: Syed et al. 2022, algorithm 4, with one stretch that adapts.
    """
    exchange = replica_exchange(Ladder(6, MAX_REJECTION, rate=0.2, every=5))
    exchange.train()
    for _ in range(max(1, n_rounds // 4)):
        _follow(exchange, space, n, 1)
    exchange.eval()
    _follow(exchange, space, n, max(1, n_rounds // 4))
    betas, records = exchange.ladder.betas, []
    for _ in range(math.ceil(n_rounds / 2 / CHUNK)):
        rounds = list(exchange.rounds(space, n, CHUNK))
        records.append(record(betas, rounds, space.to_data(rounds[-1].chain.x)))
    return merged(records)


def replica_exchange(ladder: Ladder) -> ReplicaExchange:
    """Replica exchange as evaluations run it, on a ladder of its own."""
    return ReplicaExchange(ladder, GeneralisedHMC(0.02, target_acceptance=0.8, drift=0.03))


def _follow(exchange: ReplicaExchange, space: Problem, n: int, n_rounds: int) -> None:
    for part in _parts(n_rounds):
        for _ in exchange.rounds(space, n, part):
            pass


def _parts(n_rounds: int) -> list[int]:
    whole, rest = divmod(n_rounds, CHUNK)
    return [CHUNK] * whole + [rest] * (rest > 0)


def weights_by_all_rungs(ladder: LadderRecord, members: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of groups in the model by the states of all rungs, with standard errors.

    MBAR: with f_j = log Z_j, the states of all rungs together are draws of the mixture of all
    π_j, and a state's weight in the model is ∝ exp(V) / Σ_j exp(β_j V - f_j). Hot rungs, which
    cross between groups at every round, have a say as far as they reach the model. Errors are a
    jackknife over groups of columns, each of which finds its own f.

    Args:
        ladder: gives V of the states, and the log Z_j.
        members: how far each state belongs to each group, `(m, K, n, groups)`.

    Returns:
        Weights and standard errors, `(groups,)` each.

    Source: Shirts and Chodera 2008, J. Chem. Phys. 129, eq. 11 and 12.
    """
    n = members.shape[2]
    everyone = torch.arange(n, device=members.device)
    weights = _by_all_rungs(ladder, members, everyone)
    parts = everyone.tensor_split(min(n, N_PARTS))
    without = [
        _by_all_rungs(ladder, members, everyone[~torch.isin(everyone, part)])
        for part in (parts if n > 1 else [])
    ]
    if not without:
        return weights, torch.full_like(weights, math.nan)
    left_out, g = torch.stack(without), len(without)
    errors = ((g - 1) / g * (left_out - left_out.mean(0)).square().sum(0)).sqrt()
    return weights, errors


def _by_all_rungs(ladder: LadderRecord, members: Tensor, columns: Tensor) -> Tensor:
    v = ladder.state_weights[..., columns].double()
    log_ratios = ladder_log_z(ladder.log_weights[..., columns], ladder.betas.to(v)).log_ratios
    weights = pooled_log_weights(v, ladder.betas, log_ratios).flatten().softmax(0)
    return weights @ members[:, :, columns].to(v).flatten(0, 2)

"""Chains that begin anew, run until they agree; the sampler's own chains and step sizes stay."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from operator import add
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.checked_draw import checked_draw
from lightning_ebm.evaluation.convergence import convergence, worst
from lightning_ebm.evaluation.quadrature import evaluate
from lightning_ebm.problem import Evaluations, Problem
from lightning_ebm.sampler import Draw, Sampler
from lightning_ebm.starts import FromFlow, Persistent
from lightning_ebm.tempering import LadderRecord, merged

AGREED = 1.02
"""R-hat below which chains need not run longer; beyond 1.05 they are not trusted."""
HOPELESS = 2.0
"""R-hat above which running on for as long again would not help."""
RENEWED_OFTEN = 8.0
"""Renewals of a chain of a sampler that tempers, from which on it need not run longer."""
DOUBLINGS = 4
"""How often a run may be continued for as long again."""


class FreshChains(NamedTuple):
    """Draws in order, and how often the model was evaluated for them."""

    draws: list[Draw]
    evaluations: Evaluations


def fresh_draws(
    sampler: Sampler,
    problem: Problem,
    n: int,
    n_draws: int,
    membership: Callable[[Tensor], Tensor] | None = None,
    pooled: Callable[[Tensor], Tensor] = lambda chains: chains,
) -> FreshChains:
    """Run n chains that begin anew through `n_draws` draws, and on while they do not agree.

    Chains that persist begin as draws of the flow where the sampler uses one: a flow is closer to
    the model than noise is. While R-hat of the energy over the second half of the draws (or of a
    membership, if one is given) tells that they are on the way but not there, or chains of a
    sampler that tempers were not renewed from the flow a few times each, as many draws are added,
    at most four times.

    Args:
        sampler: its chains, step sizes and mode are put back afterwards.
        problem: what is drawn from.
        n: number of chains.
        n_draws: draws to begin with.
        membership: maps points to groups `(n, K)` that chains should agree on.
        pooled: maps numbers `(draws, chains)` to those of all chains that are to agree, those of
            other processes among them.
    """
    with _begun_anew(sampler, problem):
        draws = [checked_draw(sampler, problem, n) for _ in range(n_draws)]
        for _ in range(DOUBLINGS if sampler.follows(n) else 0):
            apart = disagreement(problem, draws, membership, pooled)
            seldom = _seldom_renewed(draws, pooled)
            if not (apart > AGREED or seldom) or apart > HOPELESS:
                break
            draws += [checked_draw(sampler, problem, n) for _ in range(len(draws))]
    return FreshChains(draws, problem.evaluations)


def _seldom_renewed(draws: list[Draw], pooled: Callable[[Tensor], Tensor]) -> bool:
    records = _ladders(draws)
    if not records:
        return False
    renewals = reduce(add, [one.arrivals.sum(0, keepdim=True) for one in records])
    return float(pooled(renewals).double().mean()) < RENEWED_OFTEN


def followed_on(sampler: Sampler, problem: Problem, n: int) -> Draw:
    """One draw by the sampler's present chains, with all that adapts still; they stay as they are.

    A few rounds of a ladder on an energy near that of training tell its log Z.
    """
    kept, training = copy.deepcopy(sampler.state_dict()), sampler.training
    try:
        sampler.eval()
        return checked_draw(sampler, problem, n)
    finally:
        sampler.load_state_dict(kept)
        sampler.train(training)


def climbed_by(draws: list[Draw]) -> LadderRecord | None:
    """What the rungs of a sampler that tempers did in the second half of its draws."""
    records = _ladders(draws)
    return merged(records) if records else None


def _ladders(draws: list[Draw]) -> list[LadderRecord]:
    """Those of the second half of the draws; none where one of these has none."""
    half = draws[len(draws) // 2 :]
    records = [draw.ladder for draw in half if draw.ladder is not None]
    return records if len(records) == len(half) else []


def disagreement(
    problem: Problem,
    draws: list[Draw],
    membership: Callable[[Tensor], Tensor] | None = None,
    pooled: Callable[[Tensor], Tensor] = lambda chains: chains,
) -> float:
    """The largest split R-hat of energy and memberships over the second half of the draws."""
    settled = torch.stack([draw.x for draw in draws[len(draws) // 2 :]])
    shape = settled.shape[:2]
    if shape[0] < 4:
        return 1.0
    energies = evaluate(problem.log_density, settled.flatten(0, 1)).view(shape)
    seen = [convergence(pooled(energies))]
    if membership is not None:
        groups = pooled(membership(settled.flatten(0, 1)).argmax(1).view(shape))
        indicators = torch.nn.functional.one_hot(groups).double()
        seen += [convergence(part) for part in indicators.unbind(2)]
    return worst(seen).r_hat


@contextmanager
def _begun_anew(sampler: Sampler, problem: Problem) -> Iterator[None]:
    kept, training = copy.deepcopy(sampler.state_dict()), sampler.training
    starts = [part for part in sampler.modules() if isinstance(part, Persistent)]
    firsts = [start.first for start in starts]
    if sampler.uses_flow and problem.proposal is not None:
        for start in starts:
            start.first = FromFlow()
    try:
        sampler.eval()
        sampler.forget()
        yield
    finally:
        for start, first in zip(starts, firsts, strict=True):
            start.first = first
        sampler.load_state_dict(kept)
        sampler.train(training)

"""Columns of a ladder begun far apart: whether all of them forget where they began."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.evaluation.ladder import CHUNK, replica_exchange
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem
from lightning_ebm.tempering import Ladder, LadderRecord, ReplicaExchange

N_TUNING = 100
"""Rounds over which the step sizes of the local moves are found."""
PATIENCE = 2.0
"""Lengths of the ladder's run that a column is given: what came before it, to forget the start,
is as long again."""


class Forgetting(NamedTuple):
    """What became of columns begun far apart.

    Attributes:
        forgotten: whether all states of a column were drawn from the flow since, `(n,)` bool.
        last: where the states at β = 1 were last seen, in data space, `(n, *event)`.
        n_rounds: rounds until all had forgotten, or that the slowest were given.
    """

    forgotten: Tensor
    last: Tensor
    n_rounds: int


def forget(space: Problem, ladder: LadderRecord, x: Tensor) -> Forgetting:
    """Begin a column of the ladder at each point, and wait until the flow has renewed all of it.

    A round leaves the density of all rungs invariant, wherever a column begins. In equilibrium as
    many states enter a region as leave it, so that a region that columns leave within the time of
    the ladder's run is one that columns born from the flow had the time to enter, as often as it
    weighs. One that keeps its states may weigh anything: the flow's own columns cannot tell.

    A state has left when it was swapped down to the lowest rung, where all is drawn afresh: while
    it is on some rung it may come back.

    Args:
        space: the problem in whose space the ladder moves.
        ladder: its run, of columns born from the flow: gives β, and the time.
        x: points where columns begin, on all rungs but the lowest, `(n, *event)`, in data space.

    Source: overdispersed starts, Gelman and Rubin 1992; regeneration by a reference that can be
    drawn, Surjanovic et al. 2022.
    """
    patience = math.ceil(PATIENCE * len(ladder.ages))
    exchange = _tuned(space, ladder, len(x))
    begun = exchange.replicas.rounds
    _begin(exchange, space.from_data(x), len(ladder.betas) - 1)
    left = torch.arange(len(x), device=x.device)
    forgotten, last = torch.zeros(len(x), dtype=torch.bool, device=x.device), x.clone()
    n_rounds = 0
    while len(left) > 0 and n_rounds < patience:
        n_rounds += CHUNK
        *_, latest = exchange.rounds(space, len(left), CHUNK)
        last[left] = space.to_data(latest.top.x)
        columns = needed(exchange.replicas.bank)
        keeps = (columns["born"] <= begun).any(1)
        forgotten[left] = ~keeps
        left = left[keeps]
        exchange.replicas.bank = {name: part[keeps] for name, part in columns.items()}
    return Forgetting(forgotten, last, n_rounds)


def _tuned(space: Problem, ladder: LadderRecord, n: int) -> ReplicaExchange:
    """Replica exchange on these β, its step sizes found on columns of its own, then still."""
    rungs = Ladder(len(ladder.betas))
    rungs.betas = ladder.betas.cpu()
    exchange = replica_exchange(rungs)
    exchange.train()
    rungs.eval()
    for _ in range(0, N_TUNING, CHUNK):
        for _ in exchange.rounds(space, min(n, 64), CHUNK):
            pass
    return exchange.eval()


def _begin(exchange: ReplicaExchange, z: Tensor, n_moving: int) -> None:
    """Columns whose moving states are all at their point of `(n, *event)`, as old as the run."""
    rounds, everywhere = exchange.replicas.rounds, (len(z), n_moving)
    exchange.replicas.bank = {
        "x": z.detach()[:, None].repeat(1, n_moving, *(1 for _ in z.shape[1:])),
        "born": torch.full(everywhere, rounds, device=z.device),
        "arrived": torch.ones(everywhere, dtype=torch.bool, device=z.device),
    }

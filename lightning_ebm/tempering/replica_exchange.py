"""Replica exchange: fresh draws at the bottom, local moves on every rung, swaps between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lightning_ebm.chain import Chain, joined, taken
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import Info, Kernel, average
from lightning_ebm.kernels.step_size import StepSize
from lightning_ebm.problem import Problem
from lightning_ebm.tempering.exchange import exchange
from lightning_ebm.tempering.ladder import Ladder
from lightning_ebm.tempering.path import GeometricPath, Rungs, on_path
from lightning_ebm.tempering.replicas import Replicas, as_chain, as_columns


class Round(NamedTuple):
    """What a round left; V = log w at the states.

    Attributes:
        chain: all states, rung after rung, `(K n, *event)`.
        log_weights: V of them, `(K, n)`.
        before: V before the local moves, of the rungs that have any, `(K-1, n)`.
        after: V after them and before the swaps, `(K-1, n)`.
        rejections: of each pair, `(K-1,)`.
        moved: share of the states of each rung above the lowest that local moves left elsewhere.
        ages: rounds since the states at β = 1 were draws of the reference, `(n,)`.
        arrivals: which states at β = 1 are there for the first time, `(n,)` bool.
        order: which rung each state was on before the swaps, column by column, `(K, n)`.
        info: what the local kernel reports.
    """

    chain: Chain
    log_weights: Tensor
    before: Tensor
    after: Tensor
    rejections: Tensor
    moved: Tensor
    ages: Tensor
    arrivals: Tensor
    order: Tensor
    info: Info

    @property
    def top(self) -> Chain:
        """The states at β = 1."""
        return taken(self.chain, slice(-self.log_weights.shape[1], None))


class ReplicaExchange(nn.Module):
    """Chains on every rung of a geometric path from ρ to p̃, which hand states to each other.

    A round: rung 0 is drawn afresh from ρ, an exact kernel of its own; the others are moved by the
    local kernel, all in one batch of the networks; then neighbours swap, sweep after sweep, even
    pairs and odd ones in turn. What was computed at a state travels with it. Every step leaves the
    product of all rungs' densities invariant, so the states at β = 1 are the model's.

    Per call of `rounds` with R rounds and a kernel of one gradient, (K-1) n (R + 1) + R n
    gradients and R + 1 calls of the networks: all states kept, and the fresh ones of all rounds,
    are evaluated together at first. Memory: K + R states a column, each with two scores.

    Args:
        ladder: the β.
        local: kernel of the rungs above the lowest; its step sizes become one per rung.
        n_local: local moves a round.
        n_sweeps: sweeps of swaps a round; by default as many as there are rungs, in which a state
            may travel the whole ladder.

    Raises:
        SettingError: if a number is out of its range.

    Source: Geyer 1991; a reference that can be drawn at rung 0, Surjanovic et al. 2022.
    """

    def __init__(
        self, ladder: Ladder, local: Kernel, n_local: int = 1, n_sweeps: int | None = None
    ) -> None:
        super().__init__()
        if n_local < 1:
            raise SettingError(f"n_local is {n_local}: a round has at least 1 local move")
        if n_sweeps is not None and n_sweeps < 1:
            raise SettingError(f"n_sweeps is {n_sweeps}: a round has at least 1 sweep of swaps")
        self.ladder = ladder
        self.local = local
        self.n_local = n_local
        self.n_sweeps = n_sweeps
        self.replicas = Replicas()

    def rounds(
        self, space: Problem, n: int, n_rounds: int, *, keep_data: bool = False
    ) -> Iterator[Round]:
        """Go through some rounds of n columns, one at a time, to be followed to their end.

        Args:
            space: the problem, with a proposal, in whose space the chains move.
            n: columns.
            n_rounds: rounds.
            keep_data: keep states in data space between calls, for a space that moves.
        """
        path, betas = GeometricPath.of(space), self.ladder.betas.to(torch.float64)
        n_moving = len(betas) - 1
        for part in self.local.modules():
            if isinstance(part, StepSize):
                part.spread(n_moving)
        enter, leave = (space.from_data, space.to_data) if keep_data else (_same, _same)

        def draw(count: int) -> Tensor:
            return leave(path.reference.sample(count)[0].detach())

        columns = self.replicas.begin(draw, n, n_moving)
        born, arrived = columns["born"].T, columns["arrived"].T
        kept = as_chain(columns)
        kept = kept._replace(x=enter(kept.x))
        fresh = Chain(path.reference.sample(n * n_rounds)[0].detach())
        every = betas.to(kept.x.device).repeat_interleave(n)
        moving = Rungs.of(space, path, every[n:])
        # The energy has changed since the last draw: what was known at these points is not.
        ends = path.ends(torch.cat([kept.x, fresh.x]))
        split = len(kept.x)
        kept = on_path(kept._replace(ends=type(ends)(*(e[:split] for e in ends))), every[n:])
        fresh = fresh._replace(ends=type(ends)(*(e[split:] for e in ends)))
        fresh = self.local.prepare(moving, on_path(fresh, every[:n].repeat(n_rounds)))
        kept = self.local.prepare(moving, kept)
        rejections = []
        for t in range(n_rounds):
            self.replicas.rounds += 1
            chain, infos = kept, []
            for _ in range(self.n_local):
                chain, info = self.local.step(moving, chain)
                infos.append(info)
            if chain.ends is None:
                chain = on_path(chain._replace(ends=path.ends(chain.x)), every[n:])
            moved = (chain.x != kept.x).flatten(1).any(1).view(n_moving, n)
            before = kept.ends.log_weight.view(n_moving, n)
            stack = joined(taken(fresh, slice(t * n, (t + 1) * n)), chain)
            weights = stack.ends.log_weight.view(-1, n)
            swaps = exchange(weights, betas, self.n_sweeps or len(betas), self.replicas.rounds % 2)
            rows = (swaps.order * n + torch.arange(n, device=weights.device)).flatten()
            stack = on_path(taken(stack, rows), every)
            rejections.append(swaps.rejections)
            now = torch.full_like(born[:1], self.replicas.rounds)
            born = torch.cat([now, born]).gather(0, swaps.order)
            arrived = torch.cat([torch.zeros_like(arrived[:1]), arrived]).gather(0, swaps.order)
            arrivals = ~arrived[-1]
            born, arrived = born[1:], torch.cat([arrived[1:-1], torch.ones_like(arrived[:1])])
            kept = taken(stack, slice(n, None))
            yield Round(
                stack,
                stack.ends.log_weight.view(-1, n),
                before,
                weights[1:],
                swaps.rejections,
                moved.to(weights.dtype).mean(1),
                self.replicas.rounds - born[-1],
                arrivals,
                swaps.order,
                average(infos),
            )
        self.ladder.observe(torch.stack(rejections).nanmean(0))
        self.replicas.end(as_columns(kept._replace(x=leave(kept.x)), born, arrived))


def _same(x: Tensor) -> Tensor:
    return x

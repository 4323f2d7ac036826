"""Replica exchange: fresh draws at the bottom, local moves on every rung, swaps between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lightning_ebm.chain import Chain, joined, taken
from lightning_ebm.ends import Ends
from lightning_ebm.kernels import CompiledSteps, Info, Kernel, in_a_row
from lightning_ebm.kernels.step_size import StepSize
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_count
from lightning_ebm.tempering.exchange import Exchange, exchange
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
        compile: make the local moves in compiled blocks, see `CompiledSteps`.

    Raises:
        SettingError: if a number is out of its range.

    Source: Geyer 1991; a reference that can be drawn at rung 0, Surjanovic et al. 2022.
    """

    def __init__(
        self,
        ladder: Ladder,
        local: Kernel,
        n_local: int = 1,
        n_sweeps: int | None = None,
        *,
        compile: bool = False,
    ) -> None:
        super().__init__()
        require_count("n_local", n_local)
        require_count("n_sweeps", n_sweeps, null="as many as there are rungs")
        self.ladder = ladder
        self.local = local
        self.n_local = n_local
        self.in_a_row = CompiledSteps() if compile else in_a_row
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
        self._spread(n_moving)
        enter, leave = (space.from_data, space.to_data) if keep_data else (_same, _same)
        columns = self.replicas.begin(lambda m: leave(_drawn(path, m)), n, n_moving)
        born, arrived = columns["born"].T, columns["arrived"].T
        kept = as_chain(columns)
        kept = kept._replace(x=enter(kept.x))
        beta = betas.to(kept.x.device).repeat_interleave(n)
        moving = Rungs.of(space, path, beta[n:])
        kept, fresh = self._prepared(path, moving, kept, Chain(_drawn(path, n * n_rounds)))
        rejections = []
        for t in range(n_rounds):
            self.replicas.rounds += 1
            chain, info = self.moved(moving, kept)
            stack = joined(taken(fresh, slice(t * n, (t + 1) * n)), chain)
            swaps = self.swaps(needed(stack.ends), betas)
            rejections.append(swaps.rejections)
            rows = (swaps.order * n + torch.arange(n, device=beta.device)).flatten()
            after = needed(stack.ends).log_weight.view(-1, n)[1:]
            stack = on_path(taken(stack, rows), beta)
            born = self._carried(born, swaps.order, self.replicas.rounds)
            arrived = self._carried(arrived, swaps.order, False)
            arrivals = ~arrived[-1]
            yield Round(
                chain=stack,
                log_weights=needed(stack.ends).log_weight.view(-1, n),
                before=needed(kept.ends).log_weight.view(n_moving, n),
                after=after,
                rejections=swaps.rejections,
                moved=_differ(chain.x, kept.x).view(n_moving, n).to(after.dtype).mean(1),
                ages=self.replicas.rounds - born[-1],
                arrivals=arrivals,
                order=swaps.order,
                info=info,
            )
            born, arrived = born[1:], torch.cat([arrived[1:-1], torch.ones_like(arrived[:1])])
            kept = taken(stack, slice(n, None))
        self.ladder.observe(torch.stack(rejections).nanmean(0))
        self.replicas.end(as_columns(kept._replace(x=leave(kept.x)), born, arrived))

    def moved(self, moving: Rungs, chain: Chain) -> tuple[Chain, Info]:
        """The states of all rungs above the lowest after their local moves."""
        chain, info = self.in_a_row(self.local, moving, chain, self.n_local, last=False)
        if chain.ends is None:
            chain = on_path(chain._replace(ends=moving.path.ends(chain.x)), moving.beta)
        return chain, info

    def swaps(self, ends: Ends, betas: Tensor) -> Exchange:
        """Which states of neighbouring rungs change places; `ends` of all, rung after rung."""
        log_weights = ends.log_weight.view(len(betas), -1)
        n_sweeps = self.n_sweeps or len(betas)
        return exchange(log_weights, betas, n_sweeps, self.replicas.rounds % 2)

    def _spread(self, n_moving: int) -> None:
        for part in self.local.modules():
            if isinstance(part, StepSize):
                part.spread(n_moving)

    def _prepared(
        self, path: GeometricPath, moving: Rungs, kept: Chain, fresh: Chain
    ) -> tuple[Chain, Chain]:
        """Both with all that is to be known of them, by one batch.

        The energy has changed since the last draw: what was known at kept points is not.
        """
        ends, split = path.ends(torch.cat([kept.x, fresh.x])), len(kept.x)
        old, new = taken(ends, slice(split)), taken(ends, slice(split, None))
        kept = on_path(kept._replace(ends=old), moving.beta)
        fresh = on_path(fresh._replace(ends=new), torch.zeros_like(new.log_weight))
        return self.local.prepare(moving, kept), self.local.prepare(moving, fresh)

    def _carried(self, values: Tensor, order: Tensor, fresh: int | bool) -> Tensor:  # noqa: FBT001
        """What states carry `(K-1, n)` after the swaps, with that of the lowest rung `(K, n)`."""
        return torch.cat([torch.full_like(values[:1], fresh), values]).gather(0, order)


def _drawn(path: GeometricPath, n: int) -> Tensor:
    return path.reference.sample(n)[0].detach()


def _differ(x: Tensor, y: Tensor) -> Tensor:
    return (x != y).flatten(1).any(1)


def _same(x: Tensor) -> Tensor:
    return x

"""What rounds of replica exchange leave behind for those who judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_ebm.tempering.replica_exchange import Round


@dataclass(frozen=True)
class LadderRecord:
    """Rounds of n columns on K rungs, at one energy.

    Attributes:
        betas: `(K,)`.
        log_weights: V after each round, `(rounds, K, n)`.
        before: V before the local moves of a round, of the rungs that have any,
            `(rounds, K-1, n)`.
        after: V after them and before the swaps, `(rounds, K-1, n)`.
        rejections: of each pair, NaN where none was proposed, `(rounds, K-1)`.
        moved: share of states that local moves left elsewhere, `(rounds, K-1)`.
        arrivals: which states at β = 1 were there for the first time since they were drawn from
            the reference, `(rounds, n)` bool.
        ages: rounds since they were, `(rounds, n)`.
        order: where the states of each rung were before the swaps, `(rounds, K, n)`.
        states: states of all rungs at the end of some rounds, in data space, `(m, K, n, *event)`.
        state_weights: V of these, `(m, K, n)`.
    """

    betas: Tensor
    log_weights: Tensor
    before: Tensor
    after: Tensor
    rejections: Tensor
    moved: Tensor
    arrivals: Tensor
    ages: Tensor
    order: Tensor
    states: Tensor
    state_weights: Tensor

    @property
    def mean_rejections(self) -> Tensor:
        """Of each pair over all rounds, `(K-1,)`."""
        return self.rejections.nanmean(0)

    @property
    def barrier(self) -> float:
        """Λ, the sum of the mean rejections."""
        return float(self.mean_rejections.nansum())

    @property
    def renewals(self) -> int:
        """States that arrived at β = 1, all columns and rounds together."""
        return int(self.arrivals.sum())

    @property
    def renewals_per_column(self) -> float:
        """How often the state at β = 1 of a column was renewed, on average."""
        return self.renewals / self.arrivals.shape[1]

    @property
    def correlations(self) -> Tensor:
        """Of V before and after the local moves, at each rung above the lowest, `(K-1,)`.

        Near 1 local moves hardly change V, and the barrier is no measure of how a state travels.
        """
        before = self.before.double().transpose(0, 1).flatten(1)
        after = self.after.double().transpose(0, 1).flatten(1)
        before, after = before - before.mean(1, True), after - after.mean(1, True)
        return (before * after).mean(1) / (before.square().mean(1) * after.square().mean(1)).sqrt()


def record(betas: Tensor, rounds: Sequence[Round], states: Tensor) -> LadderRecord:
    """Gather rounds at one energy; `states` are those at their end, `(K n, *event)`."""
    n_rungs = len(betas)

    def stacked(name: str) -> Tensor:
        return torch.stack([getattr(one, name) for one in rounds])

    return LadderRecord(
        betas,
        **{
            name: stacked(name)
            for name in (
                "log_weights",
                "before",
                "after",
                "rejections",
                "moved",
                "arrivals",
                "ages",
                "order",
            )
        },
        states=states.unflatten(0, (1, n_rungs, -1)),
        state_weights=rounds[-1].log_weights[None],
    )


def merged(records: Sequence[LadderRecord]) -> LadderRecord:
    """Records of the same columns on the same ladder, one after the other, as one."""
    first = records[0]
    parts = {
        name: torch.cat([getattr(one, name) for one in records])
        for name in vars(first)
        if name != "betas"
    }
    return LadderRecord(betas=first.betas, **parts)


def beside(records: Sequence[LadderRecord]) -> LadderRecord:
    """Records of as many rounds of different columns on the same ladder, as one."""
    first = records[0]
    if len(records) == 1:
        return first
    whole = ("betas", "rejections", "moved")
    parts = {
        name: torch.cat([getattr(one, name) for one in records], 2 if name == "states" else -1)
        for name in vars(first)
        if name not in whole
    }
    means = {
        name: torch.stack([getattr(one, name) for one in records]).nanmean(0) for name in whole[1:]
    }
    return LadderRecord(betas=first.betas, **parts, **means)

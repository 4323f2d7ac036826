"""Is each chain its own: distinct, blind to the others, deciding for itself?"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.problem import Problem
from lightning_ebm.sampler import Sampler
from lightning_ebm.testing.normal import Normal
from lightning_ebm.testing.statistics import Averages, averages, judge
from lightning_ebm.testing.targets import Known, correlated, near
from lightning_ebm.testing.trial import N_CHAINS, adapt, telling_scale, whole_bank

SPACING = 50.0
APART = 60.0
MOST_SHARED = 4.5


def chains_stay_distinct(sampler: Sampler) -> tuple[bool, str]:
    """No chain is lost or copied.

    Local chains begin each in a well of its own, which they cannot leave: all wells must stay
    taken, or some chains descend from others. Chains that a flow moves must differ.
    """
    n = whole_bank(sampler, 64)
    if sampler.uses_flow:
        known = correlated()
        problem = known.problem(known)
        for _ in range(30):
            x = sampler(problem, n).x
        kept = len(torch.unique(x, dim=0))
        return kept == n, f"{kept} of {n} chains differ after 30 draws"
    wells = Wells()
    problem = Problem(wells.log_prob, (1,), reference=wells, data=wells.sample(n)[0])
    for _ in range(30):
        x = sampler(problem, n).x
    kept = len(torch.unique((x / SPACING).round()))
    return kept == n, f"descendants of {kept} of {n} chains are left after 30 draws"


def chains_are_independent(sampler: Sampler) -> tuple[bool | None, str]:
    """No chain depends on where others are, and none shares its chances with others.

    With the same seed, moving the start of one chain should move no other. A sampler whose use of
    random numbers depends on all chains (a slice sampler that draws until all are done) moves
    them too, and is tried by law: half of the chains begin at a well far away and off its middle,
    and the others must keep the law that they begin with; and sums over few chains must vary as
    those of independent ones do.
    """
    moved = _moved_by_one(copy.deepcopy(sampler))
    words = f"moving the start of 1 of 16 chains moved {moved}"
    if moved > 1:
        for beside, trial in (("far away", _beside_displaced), ("at rest", _sums)):
            keeps, seen = judge(partial(trial, sampler))
            words += f"; beside chains {beside} {seen}"
            if not keeps:
                return keeps, words
    shared = _shared(sampler)
    if shared.worst > MOST_SHARED:
        shared = _shared(sampler)
    return shared.worst <= MOST_SHARED, f"{words}; {shared}"


def _moved_by_one(sampler: Sampler) -> int:
    sampler.eval()
    ends = []
    for shift in (0.0, 3.0):
        sampler.forget()
        start = OneMoved(shift)
        torch.manual_seed(4)
        problem = replace(near(Normal((2,))), reference=start, data=start.sample(16)[0])
        torch.manual_seed(5)
        ends.append(torch.stack([sampler(problem, 16).x for _ in range(8)])[-1])
    return int((torch.cdist(ends[0], ends[1]).amin(1) > 1e-5).sum())


def _beside_displaced(sampler: Sampler, effort: int) -> Averages:
    sampler = copy.deepcopy(sampler)
    near_well = [[1.0, 0.0], [0.0, 1.0]]
    wells = Known([0.5, 0.5], [[0.0, 0.0], [APART, 0.0]], [near_well, near_well])
    n = whole_bank(sampler, N_CHAINS)
    start = HalfDisplaced()
    problem = replace(wells.problem(start, n), data=start.sample(n)[0])
    adapt(sampler, problem)
    x = torch.stack([sampler(problem, n).x for _ in range(10 * effort)])
    others = (x[..., 0] < APART / 2).all(0)
    return averages(Normal((2,)).uniforms(x[:, others]))


def _sums(sampler: Sampler, effort: int) -> Averages:
    """Sums over 16 chains that begin exactly, in batches of their own."""
    sampler = copy.deepcopy(sampler)
    n = whole_bank(sampler, 16)
    problem = near(Normal((2,)), n_data=n)
    adapt(sampler, problem)
    batches = []
    for _ in range(100 * effort):
        sampler.forget()
        batches.append(torch.stack([sampler(problem, n).x.sum(0) for _ in range(8)]))
    sums = torch.special.ndtr(torch.stack(batches, 1) / math.sqrt(n))
    return averages({f"the sum of coordinate {i}": sums[2:, :, i] for i in range(2)})


class Shared(NamedTuple):
    """How much moves of chains go together, each figure in standard errors.

    Attributes:
        all_chains: of the variance of their sum, above that of independent ones.
        neighbours: of the covariance of rows 0 and 1, 2 and 3, and so on.
        halves: of the covariance of rows i and n/2 + i.
    """

    all_chains: float
    neighbours: float
    halves: float

    @property
    def worst(self) -> float:
        """The largest of the three."""
        return max(self)

    def __str__(self) -> str:
        return (
            f"moves go together by {self.all_chains:.1f} standard errors for all chains, "
            f"{self.neighbours:.1f} for neighbours, {self.halves:.1f} for halves"
        )


def _shared(sampler: Sampler) -> Shared:
    """Tell whether chains move together: who moved, how far and where to, over 40 draws.

    Each chain's own mean is taken off first, since one that rests at a sticky place does so on
    its own. A right sampler is above `MOST_SHARED` with chance 1e-3 (most of it from the χ² of the
    sums), and twice in a row, which is what counts, with chance 1e-6.
    """
    sampler = copy.deepcopy(sampler)
    target = Normal((2,), deviation=telling_scale(sampler, (2,)))
    problem = near(target, n_data=N_CHAINS)
    adapt(sampler, problem)
    n = whole_bank(sampler, N_CHAINS) // 2 * 2
    x = torch.stack([sampler(problem, n).x for _ in range(45)])[4:].double()
    moves = x[1:] - x[:-1]
    length = moves.square().sum(2)
    features = torch.stack([(length > 0).double(), length.sqrt(), *moves.unbind(2)])
    features = features - features.mean(1, keepdim=True)
    features = features / features.square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-6)
    draws = features.shape[1]
    # A sum's square over n is χ² of one degree, of variance 2, at each draw.
    together = (features.sum(2).square().mean(1) / n - 1) * math.sqrt(draws / 2)
    covariances = [
        (one * other).mean(1)
        for one, other in (
            (features[..., 0::2], features[..., 1::2]),
            (features[..., : n // 2], features[..., n // 2 :]),
        )
    ]
    neighbours, halves = (
        float((pairs.mean(1) / pairs.std(1).clamp(min=1e-6)).abs().max()) * math.sqrt(n / 2)
        for pairs in covariances
    )
    return Shared(float(together.max()), neighbours, halves)


class Wells:
    """Gaussian wells at all multiples of the spacing; its draws are at one well each, in order."""

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """One point in each of the first n wells."""
        x = SPACING * torch.arange(float(n))[:, None] + 0.1 * torch.randn(n, 1)
        return x, self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Unnormalised log-density of the nearest well."""
        return -(x - SPACING * (x.detach() / SPACING).round()).square().sum(1) / 2


class OneMoved(Normal):
    """Normal draws, of which the first is moved."""

    def __init__(self, shift: float) -> None:
        super().__init__((2,))
        self.first_shift = shift

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points and move the first."""
        x, _ = super().sample(n)
        x[0] += self.first_shift
        return x, self.log_prob(x)


class HalfDisplaced(Normal):
    """Normal draws around 0, every other one in a well far away instead, off its middle."""

    def __init__(self) -> None:
        super().__init__((2,))

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points and move every other one."""
        x, _ = super().sample(n)
        x[1::2, 0] += APART + 2.0
        return x, self.log_prob(x)

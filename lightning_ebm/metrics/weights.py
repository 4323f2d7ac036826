"""Weights of modes and classes as torchmetrics metrics, with errors that know of chains."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torchmetrics import Metric

from lightning_ebm.metrics.known_density import KnownDensity

Membership = Callable[[Tensor], Tensor]
"""How far each point `(n, *event)` belongs to each group, `(n, K)`, rows summing to 1."""


LEVEL = 0.95
FALSE_ALARM = 5e-4
"""How often one of the K intervals from `lowest` to `highest` may miss its weight."""


class Weights(NamedTuple):
    """Weights of K groups and what they are worth, `(K,)` each; what cannot be known is NaN.

    Attributes:
        value: share of each group.
        standard_error: from the spread between chains; NaN for a group that no draw or every draw
            is in, since there is no spread to tell it from.
        ess: independent draws that would be as certain, w(1 - w)/error², never more
            than were made, a chain that stays making none; NaN with the error.
        lower: lower end of a 95 % interval.
        upper: upper end.
        lowest: lower ends of intervals that hold all K weights at once, but for 1 case in 2,000.
        highest: upper ends.
    """

    value: Tensor
    standard_error: Tensor
    ess: Tensor
    lower: Tensor
    upper: Tensor
    lowest: Tensor
    highest: Tensor

    @property
    def unmet(self) -> Tensor:
        """Which groups no chain met, `(K,)` bool."""
        return self.standard_error.isnan() & (self.lower == 0)


class MembershipWeights(Metric):
    """Share of the points in each group, over all updates and processes.

    `update` takes chains, which are independent of each other while their own draws are not. The
    error is therefore that of the chains' means: √(Var_c(mean of chain c) / C).

    The interval is that of Clopper and Pearson with the effective sample size in place of the n
    made, reduced by (t_{n-1}/t_f)² since few chains tell the error: f is C - 1, or the number of
    chains that met the group, or that met others, whichever is least. Each of the C chains is
    sure to be worth one draw. A group that none of them met lies between 0 and 1 - .05^(1/C), one
    that they never left between .05^(1/C) and 1.

    Args:
        membership: maps points to their groups.
        n_groups: K.

    Source: Korn and Graubard 1998, Survey Methodology 24(2), section 2, but for f, which there is
        C - 1: intervals of rare groups would miss the weight in 10 runs of 100.
    """

    full_state_update = False
    higher_is_better = None
    is_differentiable = False
    sums: Tensor
    squares: Tensor
    shared: Tensor
    assigned: Tensor
    met: Tensor
    left: Tensor
    chains: Tensor
    draws: Tensor
    made: Tensor

    def __init__(self, membership: Membership, n_groups: int) -> None:
        super().__init__()
        self.membership = membership
        zeros = torch.zeros(n_groups, dtype=torch.float64)
        for name in ("sums", "squares", "shared", "assigned", "met", "left"):
            self.add_state(name, zeros.clone(), dist_reduce_fx="sum")
        for name in ("chains", "draws", "made"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, draws: Tensor) -> None:
        """Count the draws `(draws, chains, *event)` of independent chains."""
        groups = self.membership(draws.flatten(0, 1)).double()
        groups = groups.view(len(draws), -1, groups.shape[1])
        means = groups.mean(0)
        self.sums += means.sum(0)
        self.squares += means.square().sum(0)
        self.shared += groups.sum((0, 1))
        # A draw is assigned to the group that it most belongs to.
        assigned = one_hot(groups.argmax(2), groups.shape[2]).bool()
        self.assigned += assigned.sum((0, 1))
        self.met += assigned.any(0).sum(0)
        self.left += (~assigned).any(0).sum(0)
        self.chains += len(means)
        self.draws += groups.shape[0] * groups.shape[1]
        points = draws.reshape(*groups.shape[:2], -1)
        moved = (points[1:] != points[:-1]).any(2)
        self.made += len(means) + moved.sum()

    def compute(self) -> Weights:
        """Weights, errors, effective sample size and intervals."""
        value = self.sums / self.chains
        variance = (self.squares / self.chains - value.square()).clamp(min=0)
        error = (variance / (self.chains - 1)).sqrt()
        # Soft memberships lend every group something; less than one draw's worth is no meeting.
        unmet = (self.assigned == 0) & (self.shared < 1)
        everywhere = (self.assigned == self.draws) & (self.draws - self.shared < 1)
        error = error.masked_fill(unmet | everywhere, torch.nan)
        effective = (value * (1 - value) / error.square()).clamp(max=self.made)

        def interval(level: float) -> tuple[Tensor, Tensor]:
            lower, upper = clopper_pearson(value, self._sure_draws(effective, level), level)
            beyond = (1 - level) ** (1 / self.chains)
            lower = torch.where(unmet, 0.0, torch.where(everywhere, beyond, lower))
            upper = torch.where(everywhere, 1.0, torch.where(unmet, 1 - beyond, upper))
            return lower, upper

        at_once = interval(1 - FALSE_ALARM / len(value))
        return Weights(value, error, effective, *interval(LEVEL), *at_once)

    def _sure_draws(self, effective: Tensor, level: float) -> Tensor:
        """Effective draws as far as so few chains are sure of them, at least one a chain."""
        from scipy.stats import t

        tail, chains = (1 + level) / 2, float(self.chains)
        told = torch.minimum(self.met, self.left).clamp(min=1, max=max(chains - 1, 1))
        quantile = torch.from_numpy(t.ppf(tail, told.cpu().numpy())).to(effective)
        shrink = (t.ppf(tail, max(float(self.made) - 1, 1)) / quantile).square()
        sure: Tensor = effective.nan_to_num(0) * shrink
        return sure.clamp(min=chains, max=float(self.made))


def clopper_pearson(share: Tensor, draws: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """The interval of shares seen in so many independent draws, whole numbers or not.

    With x = n w: the (1 - level)/2 quantile of Beta(x, n - x + 1), and the (1 + level)/2 quantile
    of Beta(x + 1, n - x).

    Source: Clopper and Pearson 1934.
    """
    from scipy.stats import beta

    w, n = share.cpu().numpy(), draws.cpu().numpy()
    x = n * w
    low = beta.ppf((1 - level) / 2, x, n - x + 1)
    high = beta.ppf((1 + level) / 2, x + 1, n - x)
    return torch.from_numpy(low).to(share), torch.from_numpy(high).to(share)


class ModeWeights(MembershipWeights):
    """Weights of the modes of a known density, by responsibility.

    Args:
        density: knows its modes.
    """

    def __init__(self, density: KnownDensity) -> None:
        super().__init__(density.responsibilities, len(density.mode_weights))


class ClassWeights(MembershipWeights):
    """Weights of the classes of images, each image counted for the class it is taken for.

    Args:
        classifier: maps points `(n, *event)` to logits `(n, K)`.
        n_classes: K.
    """

    def __init__(self, classifier: Callable[[Tensor], Tensor], n_classes: int) -> None:
        @torch.no_grad()
        def membership(x: Tensor) -> Tensor:
            classes = torch.cat([classifier(part).argmax(1) for part in x.split(1024)])
            return one_hot(classes, n_classes)

        super().__init__(membership, n_classes)

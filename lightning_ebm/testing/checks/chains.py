"""Is each chain its own: distinct, blind to the others, never where the density is not finite?"""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.problem import Problem
from lightning_ebm.sampler import Sampler
from lightning_ebm.starts import FromFlow, Persistent
from lightning_ebm.testing.targets import StandardNormal, correlated

SPACING = 50.0


def chains_stay_distinct(sampler: Sampler) -> tuple[bool, str]:
    """No chain is lost or copied.

    Local chains begin each in a well of its own, which they cannot leave: all wells must stay
    taken, or some chains descend from others. Chains that a flow moves must differ.
    """
    n = 64
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


def chains_are_independent(sampler: Sampler) -> tuple[bool, str]:
    """With the same seed, moving the start of one chain moves no other."""
    sampler.eval()
    ends = []
    for shift in (0.0, 3.0):
        sampler.forget()
        start = OneMoved(shift)
        torch.manual_seed(4)
        problem = StandardNormal((2,)).problem()
        problem = Problem(
            problem.log_density,
            (2,),
            reference=start,
            proposal=problem.proposal,
            flow=problem.flow,
            data=start.sample(16)[0],
            networks=problem.networks,
        )
        torch.manual_seed(5)
        ends.append(torch.stack([sampler(problem, 16).x for _ in range(8)])[-1])
    distances = torch.cdist(ends[0], ends[1]).amin(1)
    moved = int((distances > 1e-5).sum())
    return moved <= 1, f"moving the start of 1 of 16 chains moved {moved}"


def non_finite_rejected(sampler: Sampler) -> tuple[bool, str]:
    """Chains never come to where the log-density is NaN or infinite, and count their tries.

    Local chains all begin where it is finite. Those of a flow may not, but an exact sampler moves
    none there. All chains that are kept are drawn, so that they are the same at every draw.
    """
    parts = list(sampler.modules())
    n = max([256, *(part.size or 0 for part in parts if isinstance(part, Persistent))])
    from_flow = sampler.uses_flow or any(isinstance(part, FromFlow) for part in parts)
    standard = StandardNormal((2,)).problem()

    def log_density(x: Tensor) -> Tensor:
        # Added as a constant, so that scores stay finite and only the density tells.
        beyond = torch.where(x[:, 0] > 0.7, torch.nan, 0.0)
        beyond = torch.where(x[:, 0] < -0.7, torch.inf, beyond)
        return StandardNormal((2,)).log_prob(x) + beyond.to(x)

    inside = Inside()
    problem = Problem(
        log_density,
        (2,),
        reference=inside,
        proposal=standard.proposal,
        flow=standard.flow,
        data=inside.sample(n)[0],
        networks=standard.networks,
    )
    shares, outside = [], [n if from_flow else 0]
    for _ in range(30):
        draw = sampler(problem, n)
        shares.append(float(draw.info.get("non_finite", torch.zeros(()))))
        outside.append(int((~(draw.x[:, 0].abs() <= 0.7)).sum()))
        if not draw.x.isfinite().all():
            return False, "points drawn are not finite"
        if outside[-1] > outside[-2] and (sampler.exact or not from_flow):
            return False, (
                f"{outside[-1]} of {n} chains rest where the density is not finite, "
                f"after {outside[-2]} a draw before"
            )
    if not sum(shares) > 0:
        return False, "info['non_finite'] counts none of the proposals that were not finite"
    return True, f"{sum(shares) / len(shares):.1%} of the proposals rejected and counted"


class Wells:
    """Gaussian wells at all multiples of the spacing; its draws are at one well each, in order."""

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """One point in each of the first n wells."""
        x = SPACING * torch.arange(float(n))[:, None] + 0.1 * torch.randn(n, 1)
        return x, self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Unnormalised log-density of the nearest well."""
        return -(x - SPACING * (x.detach() / SPACING).round()).square().sum(1) / 2


class OneMoved(StandardNormal):
    """Normal draws, of which the first is moved."""

    def __init__(self, shift: float) -> None:
        super().__init__((2,))
        self.first_shift = shift

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points and move the first."""
        x, _ = super().sample(n)
        x[0] += self.first_shift
        return x, self.log_prob(x)


class Inside(StandardNormal):
    """Draws where the density of `non_finite_rejected` is finite."""

    def __init__(self) -> None:
        super().__init__((2,))

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points of the strip |x₀| ≤ .7."""
        x = torch.randn(n, 2)
        x[:, 0] = 1.4 * torch.rand(n) - 0.7
        return x, self.log_prob(x)

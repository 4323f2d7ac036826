"""Where the density is not finite, zero, or beyond what a number can hold."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from itertools import count

import torch
from torch import Tensor

from lightning_ebm.problem import Problem
from lightning_ebm.sampler import Sampler
from lightning_ebm.testing.normal import Normal, uneven
from lightning_ebm.testing.targets import near
from lightning_ebm.testing.trial import adapt, may_begin_from_flow, whole_bank

LEVEL = 1000.0
"""exp(±1000) is 0 or infinite in double precision."""

WIDE = (1, 16, 16)
N_WIDE = 128
MOST_APART = 6.0
"""Standard errors between the two shares of chains that move."""

LEAST_MOVED = 0.2
FAR = 30.0

MOST_CALLS = 30_000


def non_finite_rejected(sampler: Sampler) -> tuple[bool | None, str]:
    """Chains never come to where the log-density is NaN or infinite, and count their tries.

    Local chains all begin where it is finite. Those of a flow may not, but an exact sampler moves
    none there. All chains that are kept are drawn, so that they are the same at every draw.
    """
    n = whole_bank(sampler, 256)
    from_flow = may_begin_from_flow(sampler)
    standard = Normal((2,))

    def log_density(x: Tensor) -> Tensor:
        # Added as a constant, so that scores stay finite and only the density tells.
        beyond = torch.where(x[:, 0] > 0.7, torch.nan, 0.0)
        beyond = torch.where(x[:, 0] < -0.7, torch.inf, beyond)
        return standard.log_prob(x) + beyond.to(x)

    inside = Inside()
    problem = replace(
        near(standard), log_density=log_density, reference=inside, data=inside.sample(n)[0]
    )
    problem = ending(problem)
    counted, shares, outside = False, [], [n if from_flow else 0]
    for _ in range(30):
        draw = sampler(problem, n)
        counted = counted or "non_finite" in draw.info
        shares.append(float(draw.info.get("non_finite", 0.0)))
        outside.append(int((~(draw.x[:, 0].abs() <= 0.7)).sum()))
        if not draw.x.isfinite().all():
            return False, "points drawn are not finite"
        if outside[-1] > outside[-2] and (sampler.exact or not from_flow):
            return False, (
                f"{outside[-1]} of {n} chains rest where the density is not finite, "
                f"after {outside[-2]} a draw before: reject proposals whose log-density is NaN "
                "or ±∞, as `lightning_ebm.kernels.decide` does"
            )
    if not counted:
        return None, "rejects them, but info has no 'non_finite' that would count how many"
    if not sum(shares) > 0:
        return False, "info['non_finite'] counts none of the proposals that were not finite"
    return True, f"{sum(shares) / len(shares):.1%} of the proposals rejected and counted"


def zero_density_left(sampler: Sampler) -> tuple[bool | None, str]:
    """Chains that begin where the density is zero are moved to where it is not, or named.

    Half of the space has density zero. Half of the first draws of the start lie in it, too far to
    walk out of it; drawn again, all lie outside. A chain that stays counts as named while
    `info["zero_density"]` is above 0.
    """
    n = whole_bank(sampler, 128)
    start = HalfAtZero()

    def log_density(x: Tensor) -> Tensor:
        return torch.where(x[:, 0] > 0, start.log_prob(x), -torch.inf)

    problem = replace(
        near(Normal((2,))),
        log_density=log_density,
        reference=start,
        data=HalfAtZero().sample(n)[0],
    )
    problem = ending(problem)
    left, named = [], []
    for _ in range(20):
        try:
            draw = sampler(problem, n)
        except EndlessDraw as endless:
            return None, f"undecided: from where the density is zero {endless}"
        left.append(int((draw.x[:, 0] <= 0).sum()))
        named.append(float(draw.info.get("zero_density", 0.0)))
    if left[-1] == 0:
        return True, f"{left[0]} of {n} chains are at density zero after 1 draw, none after 20"
    words = f"{left[-1]} of {n} chains are at density zero after 20 draws"
    if named[-1] > 0:
        return True, f"{words}, and named: info['zero_density'] is {named[-1]:.3f}"
    words += ", and info['zero_density'] names none"
    if sampler.exact:
        return False, words
    return None, f"{words}; it is not exact, but its draws should not be used in silence"


def no_underflow(sampler: Sampler) -> tuple[bool | None, str]:
    """Densities that a number cannot hold are no obstacle, since log-densities are what counts.

    A constant in log p changes no draw, at ±1,000 in double precision. And in 256 dimensions,
    where densities of points and of proposals underflow in single precision and not in double, as
    many chains move in the one as in the other; where few move at all, that is a warning.
    """
    usual = torch.get_default_dtype()
    moved = {}
    try:
        torch.set_default_dtype(torch.float64)
        level, raised, lowered = (_at_level(sampler, rise) for rise in (0.0, LEVEL, -LEVEL))
        off = max(float((other - level).abs().max()) for other in (raised, lowered))
        if not off < 1e-6:
            return False, f"log p ± {LEVEL:.0f} moves draws by up to {off:.2g}"
        for dtype in (torch.float32, torch.float64):
            torch.set_default_dtype(dtype)
            moved[dtype] = _moved_in_many_dimensions(sampler)
    finally:
        torch.set_default_dtype(usual)
    single, double = moved[torch.float32], moved[torch.float64]
    words = (
        f"in 256 dimensions {single:.0%} of the chains move in float32, {double:.0%} in float64"
    )
    both = (single + double) / 2
    if abs(single - double) > MOST_APART * math.sqrt(2 * both * (1 - both) / N_WIDE):
        return False, words
    if both < LEAST_MOVED:
        return None, f"undecided: {words}; smaller steps would move more"
    return True, f"log p ± {LEVEL:.0f} changes no draw; {words}"


def _at_level(sampler: Sampler, rise: float) -> Tensor:
    sampler = copy.deepcopy(sampler)
    torch.manual_seed(8)
    problem = near(Normal((2,)))
    density = problem.log_density
    problem = replace(problem, log_density=lambda x: density(x) + rise)
    return torch.stack([sampler(problem, 16).x for _ in range(4)])


def _moved_in_many_dimensions(sampler: Sampler) -> float:
    sampler = copy.deepcopy(sampler)
    problem = near(uneven(WIDE))
    cost = adapt(sampler, problem)
    n = whole_bank(sampler, N_WIDE)
    first = sampler(problem, n).x
    for _ in range(max(1, min(10, round(200 / cost)))):
        last = sampler(problem, n).x
    return float((first != last).flatten(1).any(1).float().mean())


class Inside(Normal):
    """Draws where the density of `non_finite_rejected` is finite."""

    def __init__(self) -> None:
        super().__init__((2,))

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points of the strip |x₀| ≤ .7."""
        x = torch.randn(n, 2)
        x[:, 0] = 1.4 * torch.rand(n) - 0.7
        return x, self.log_prob(x)


class HalfAtZero(Normal):
    """Normal draws with x₀ above 0, at first every other one where the density is zero."""

    def __init__(self) -> None:
        super().__init__((2,))
        self.far = FAR

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points, the first time with every other one moved far away."""
        x = torch.randn(n, 2)
        x[:, 0] = x[:, 0].abs()
        x[1::2, 0] -= self.far
        self.far = 0.0
        return x, self.log_prob(x)


class EndlessDraw(RuntimeError):
    """A draw evaluates the density without end."""


def ending(problem: Problem) -> Problem:
    """The problem, whose density refuses more than `MOST_CALLS` calls in all."""
    calls = count()

    def log_density(x: Tensor) -> Tensor:
        if next(calls) > MOST_CALLS:
            raise EndlessDraw(f"a draw does not end within {MOST_CALLS} evaluations")
        return problem.log_density(x)

    return replace(problem, log_density=log_density)

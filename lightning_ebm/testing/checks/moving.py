"""Is all that is known of a chain's place found anew at every draw, as the target moves?

At every step of training the density, its score and the flow are others than they were. The checks
here change one of the three and leave the law of the draws what it was, so that an exact sampler
keeps it from draw to draw, and one that held on to what it knew does not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from lightning_ebm.problem import Problem
from lightning_ebm.sampler import Sampler
from lightning_ebm.testing.networks import HeavyFlow
from lightning_ebm.testing.normal import Normal
from lightning_ebm.testing.targets import near
from lightning_ebm.testing.trial import NOT_EXACT, Experiment, keeps

RISES = (0.0, 2.0, 5.0, -4.0, 1.0, 9.0, 3.0, 40.0, -40.0, 0.0)
PULL = 0.75
STRETCH = 1.25


def density_moves(sampler: Sampler) -> tuple[bool | None, str]:
    """A constant in log p, another one at every draw, changes no draw.

    Compared draw by draw with the same seed and no constants, in double precision.
    """
    usual = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        still, moved = (_with_rises(copy.deepcopy(sampler), size) for size in (0.0, 1.0))
    finally:
        torch.set_default_dtype(usual)
    off = float((moved - still).abs().max())
    if not off < 1e-6:
        return (
            False,
            f"constants in log p that change from draw to draw move it by up to {off:.2g}",
        )
    return True, f"constants of {min(RISES):.0f} to {max(RISES):.0f} nats in log p change no draw"


def score_moves(sampler: Sampler) -> tuple[bool | None, str]:
    """Every other draw scores are pulled another way, while all values of log p stay.

    A Metropolis correction makes up for any drift that depends on the place alone. A sampler that
    rests on true scores without one may fail under a pull that does not change too: that says
    nothing about what it keeps, and is a warning.
    """
    passed, words = keeps(sampler, _experiment(_pulled))
    if passed is not False:
        return passed, words
    still, _ = keeps(sampler, _experiment(lambda problem, _: _pulled(problem, 1)))
    if still is False:
        return None, "undecided: it relies on scores that are true, and these here are not"
    return False, words


def flow_moves(sampler: Sampler) -> tuple[bool | None, str]:
    """Every other draw the flow that it teaches is wider, as if it had learnt."""
    if not sampler.teaches_flow:
        return True, "teaches no flow: none moves"
    if not sampler.exact:
        return True, NOT_EXACT

    def change(problem: Problem, t: int) -> Problem:
        flow = problem.flow
        if not isinstance(flow, HeavyFlow):
            raise TypeError(f"the flow is a {type(flow).__name__}, not the one of these checks")
        with torch.no_grad():
            scale: Tensor = flow.log_scale
            scale += torch.tensor(STRETCH).log() * (1 if t % 2 else -1)
        return problem

    return keeps(sampler, _experiment(change))


def _experiment(change: Callable[[Problem, int], Problem]) -> Experiment:
    # Measured after each change in one direction only: there and back would cancel in part.
    target = Normal((3,))
    return Experiment(target, lambda n: near(target, n_data=n), 4, change, every=2)


def _with_rises(sampler: Sampler, size: float) -> Tensor:
    torch.manual_seed(9)
    problem = near(Normal((2,)))
    draws = []
    for rise in RISES:
        density = partial(_raised, problem.log_density, size * rise)
        draws.append(sampler(replace(problem, log_density=density), 16).x)
    return torch.stack(draws)


def _raised(log_density: Callable[[Tensor], Tensor], rise: float, x: Tensor) -> Tensor:
    return log_density(x) + rise


def _pulled(problem: Problem, t: int) -> Problem:
    pull = PULL if t % 2 else -PULL

    def log_density(x: Tensor) -> Tensor:
        # Zero in value, a constant in its gradient.
        nothing = (x - x.detach()).flatten(1).sum(1)
        return problem.log_density(x) + pull * nothing

    return replace(problem, log_density=log_density)

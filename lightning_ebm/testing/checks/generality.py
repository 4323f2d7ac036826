"""Does a sampler work for points of any shape, any number of chains, and both precisions?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from lightning_ebm.problem import Problem
from lightning_ebm.sampler import Sampler
from lightning_ebm.testing.normal import Normal
from lightning_ebm.testing.targets import near


def any_shape_and_number(sampler: Sampler) -> tuple[bool, str]:
    """Vectors and images, one chain and several."""
    cases = [((1,), 1), ((3,), 7), ((1, 4, 4), 5), ((2, 2, 3), 1)]
    for event_shape, n in cases:
        sampler.forget()
        problem = near(Normal(event_shape))
        for _ in range(2):
            x = sampler(problem, n).x
        if x.shape != (n, *event_shape):
            return False, f"{n} points of shape {event_shape} came back as {tuple(x.shape)}"
        if not x.isfinite().all():
            return False, f"points of shape {event_shape} are not finite"
    return True, f"{len(cases)} combinations"


def both_precisions(sampler: Sampler) -> tuple[bool, str]:
    """What is asked for in float32 or float64 is computed and returned in it."""
    usual = torch.get_default_dtype()
    try:
        for dtype in (torch.float32, torch.float64):
            torch.set_default_dtype(dtype)
            sampler.forget()
            problem = near(Normal((2,)))
            seen: set[torch.dtype] = set()
            x = sampler(replace(problem, log_density=_noting(problem, seen)), 8).x
            if {x.dtype, *seen} != {dtype}:
                return False, f"asked for {dtype}, worked in {sorted(map(str, {x.dtype, *seen}))}"
    finally:
        torch.set_default_dtype(usual)
    return True, "float32 and float64"


def _noting(problem: Problem, seen: set[torch.dtype]) -> Callable[[Tensor], Tensor]:
    def log_density(x: Tensor) -> Tensor:
        seen.add(x.dtype)
        return problem.log_density(x)

    return log_density

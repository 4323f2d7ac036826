"""Conditional sampling: coordinates that were not observed, given those that were."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, at_zero_density
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import MALA, in_a_row
from lightning_ebm.problem import Problem

FIRST_STEP = 0.1
"""Of the step size where adaptation begins, in units of the reference's mean variance."""


def completed(
    problem: Problem, x: Tensor, observed: Tensor, n_steps: int, n_warmup: int
) -> Tensor:
    """Draw u ~ p(u | o) for each point, o its observed coordinates and u the others.

    Each chain runs MALA on y ↦ p(o, u = y) with o held fixed, which leaves p(u | o) ∝ p(o, u)
    invariant, and begins at a draw of the problem's reference. It is local: where the conditional
    has modes far apart a chain stays in the one that it comes to first.

    It moves y of the whole shape of a point. The target does not depend on the coordinates that
    are not used, whose score is 0, so that their noise drops out of the Hastings ratio and those
    used are a MALA chain of their own, whatever is observed in other points.

    Args:
        problem: the joint density p, networks frozen.
        x: points `(n, *event)`.
        observed: bool, of the same shape.
        n_steps: steps after the warm-up, with step sizes still.
        n_warmup: steps over which each chain adapts its own step size.

    Raises:
        SettingError: if a chain ends where the density is zero.
    """
    if len(x) == 0 or bool(observed.all()):
        return x.clone()

    def joined(y: Tensor) -> Tensor:
        return torch.where(observed, x, y)

    conditional = replace(problem, log_density=lambda y: problem.log_density(joined(y)))
    y, _ = problem.reference.sample(len(x))
    spread, _ = problem.reference.sample(1000)
    first = FIRST_STEP * float(spread.flatten(1).var(0).mean().clamp(min=1e-12))
    kernel = MALA(first, target_acceptance=0.6)
    kernel.step_size.spread(len(x))
    chain = Chain(y)
    if n_warmup > 0:
        chain, _ = in_a_row(kernel.train(), conditional, chain, n_warmup)
    # What is not used has wandered off by its noise: back to where no digits are lost.
    chain = chain._replace(x=torch.where(observed, y, chain.x))
    chain, _ = in_a_row(kernel.eval(), conditional, chain, n_steps)
    nowhere = int(at_zero_density(chain).sum())
    if nowhere:
        raise SettingError(
            f"{nowhere} of {len(x)} points could not be completed: no coordinates were found with "
            "which what was observed has a density above zero; give points that the model can have"
        )
    return joined(chain.x)

"""One trial: a copy of a sampler adapts, begins anew at exact draws, and is averaged over.

Chains that begin with the target's own law keep it from the first draw on if the sampler is exact,
however slowly it moves, so that no right sampler is called wrong for being slow. Those that begin
elsewhere (from a flow near the target, in its latent space) have a burn-in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from lightning_ebm.problem import Problem
from lightning_ebm.sampler import MCMC, Sampler
from lightning_ebm.starts import FromFlow, Persistent
from lightning_ebm.testing.normal import Normal, uneven
from lightning_ebm.testing.statistics import Averages, averages, judge
from lightning_ebm.testing.targets import near

N_CHAINS = 1000
N_MEASURED = 40
N_LEAST = 4
BUDGET = 800
"""Evaluations per chain that a trial of effort 1 may cost; a draw of many has fewer draws."""

SCALES = (0.15, 0.25, 0.4, 0.6, 1.0)
LEAST_JUMP = 0.4
"""Mean squared jump of a draw, in units of that between independent draws."""

BURN_IN_FROM_FLOW = 100

N_ADAPTED = 40
FEW_CHAINS = 32

NOT_EXACT = "not exact by its own word: its distribution is not tested"


class Target(Protocol):
    """A law of which functions are known that are uniform on [0, 1]."""

    def uniforms(self, x: Tensor) -> dict[str, Tensor]:
        """These functions at points `(draws, n, *event)`, each `(draws, n)`."""


@dataclass(frozen=True)
class Experiment:
    """What a sampler is averaged on.

    Attributes:
        target: the law that its draws should have.
        problem: makes the problem, with exact draws as reference and n points of data.
        burn_in: draws before the measured ones.
        change: makes the problem of the t-th draw, burn-in included; that it may alter the
            density is what the checks of moving targets rest on.
        every: only each `every`-th draw is measured.
        at_law: whether the reference is the law itself.
    """

    target: Target
    problem: Callable[[int], Problem]
    burn_in: int = 10
    change: Callable[[Problem, int], Problem] = lambda problem, _: problem
    every: int = 1
    at_law: bool = True


def keeps(sampler: Sampler, experiment: Experiment) -> tuple[bool | None, str]:
    """Whether the draws of an exact sampler have the experiment's law."""
    if not sampler.exact:
        return True, NOT_EXACT
    if may_begin_from_flow(sampler):
        burn_in = max(experiment.burn_in, BURN_IN_FROM_FLOW)
        experiment = replace(experiment, burn_in=burn_in, at_law=False)
    return judge(lambda effort: run(sampler, experiment, effort), at_law=experiment.at_law)


def run(sampler: Sampler, experiment: Experiment, effort: int = 1) -> Averages:
    """Averages over a trial of some effort, of a copy of the sampler."""
    sampler = copy.deepcopy(sampler)
    n = whole_bank(sampler, N_CHAINS)
    problem = experiment.problem(n)
    sampler(experiment.change(problem, 0), whole_bank(sampler, FEW_CHAINS))
    cost = adapt(sampler, problem)
    affordable = max(N_LEAST, round(BUDGET / cost))
    draws, burn_in = min(N_MEASURED, affordable), effort * min(experiment.burn_in, affordable)
    kept = []
    for t in range(burn_in + effort * draws * experiment.every):
        x = sampler(experiment.change(problem, t), n).x
        if t >= burn_in and (t - burn_in) % experiment.every == experiment.every - 1:
            kept.append(experiment.target.uniforms(x[None]))
    return averages({name: torch.cat([one[name] for one in kept]) for name in kept[0]})


def adapt(sampler: Sampler, problem: Problem) -> float:
    """Let few chains adapt what it adapts, then forget them.

    Returns:
        Evaluations per chain and draw in eval mode, in which draws may cost more.
    """
    sampler.train()
    n = whole_bank(sampler, FEW_CHAINS)
    sampler(problem, n)
    for _ in range(min(N_ADAPTED, max(N_LEAST, round(BUDGET / _cost(sampler, problem, n))))):
        sampler(problem, n)
    sampler.eval()
    cost = _cost(sampler, problem, n)
    sampler.forget()
    return cost


def _cost(sampler: Sampler, problem: Problem, n: int) -> float:
    before = problem.evaluations.densities
    sampler(problem, n)
    return max(1.0, (problem.evaluations.densities - before) / n)


def telling_scale(sampler: Sampler, event_shape: tuple[int, ...]) -> float:
    """The scale of a normal target at which a sampler's decisions tell most.

    With a fixed step the errors of a ratio grow as 1/scale², as long as chains move: the narrowest
    scale at which they do, or the one at which they move most.
    """
    jumps = {}
    for scale in SCALES:
        jumps[scale] = _jump(sampler, uneven(event_shape, scale))
        if jumps[scale] >= LEAST_JUMP:
            return scale
    return max(reversed(jumps), key=lambda scale: jumps[scale])


def whole_bank(sampler: Sampler, n: int) -> int:
    """At least n chains, and all that a larger bank keeps, so that a row is one chain."""
    sizes = [part.size or 0 for part in sampler.modules() if isinstance(part, Persistent)]
    return max([n, *sizes])


def may_begin_from_flow(sampler: Sampler) -> bool:
    """Whether chains may begin at draws of the flow or of its base, and not of the reference."""
    if any(isinstance(part, FromFlow) for part in sampler.modules()):
        return True
    return sampler.latent if isinstance(sampler, MCMC) else sampler.uses_flow


def _jump(sampler: Sampler, target: Normal) -> float:
    sampler = copy.deepcopy(sampler)
    problem = near(target)
    adapt(sampler, problem)
    n = whole_bank(sampler, FEW_CHAINS)
    x = torch.stack([sampler(problem, n).x for _ in range(3)])
    return float(((x[1:] - x[:-1]) / target.deviation).square().mean()) / 2

"""One trial: a copy of a sampler adapts, begins anew at exact draws, and is averaged over.

Chains that begin with the target's own law keep it from the first draw on if the sampler is exact,
however slowly it moves, so that no right sampler is called wrong for being slow. Those that begin
elsewhere (from a flow near the target, in its latent space) have a burn-in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lightning_ebm.problem import Problem
from lightning_ebm.sampler import Sampler
from lightning_ebm.starts import Persistent
from lightning_ebm.testing.statistics import Averages, averages, judge

N_CHAINS = 1000
N_MEASURED = 40
N_LEAST = 4
BUDGET = 800
"""Evaluations per chain that a trial of effort 1 may cost; a draw of many has fewer draws."""

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
    """

    target: Target
    problem: Callable[[int], Problem]
    burn_in: int = 10
    change: Callable[[Problem, int], Problem] = lambda problem, _: problem
    every: int = 1


def keeps(sampler: Sampler, experiment: Experiment) -> tuple[bool | None, str]:
    """Whether the draws of an exact sampler have the experiment's law."""
    if not sampler.exact:
        return True, NOT_EXACT
    return judge(lambda effort: run(sampler, experiment, effort))


def run(sampler: Sampler, experiment: Experiment, effort: int = 1) -> Averages:
    """Averages over a trial of some effort, of a copy of the sampler."""
    sampler = copy.deepcopy(sampler)
    n = whole_bank(sampler, N_CHAINS)
    problem = experiment.problem(n)
    cost = adapt(sampler, problem)
    draws = min(N_MEASURED, max(N_LEAST, round(BUDGET / cost)))
    burn_in = effort * min(experiment.burn_in, draws)
    kept = []
    for t in range(burn_in + effort * draws * experiment.every):
        x = sampler(experiment.change(problem, t), n).x
        if t >= burn_in and (t - burn_in) % experiment.every == experiment.every - 1:
            kept.append(experiment.target.uniforms(x[None]))
    return averages({name: torch.cat([one[name] for one in kept]) for name in kept[0]})


def adapt(sampler: Sampler, problem: Problem) -> float:
    """Let few chains adapt what it adapts, then forget them; evaluations per chain and draw."""
    sampler.train()
    n = whole_bank(sampler, FEW_CHAINS)
    sampler(problem, n)
    before = problem.evaluations.densities
    sampler(problem, n)
    cost = max(1.0, (problem.evaluations.densities - before) / n)
    for _ in range(min(N_ADAPTED, max(N_LEAST, round(BUDGET / cost)))):
        sampler(problem, n)
    sampler.forget()
    sampler.eval()
    return cost


def whole_bank(sampler: Sampler, n: int) -> int:
    """At least n chains, and all that a larger bank keeps, so that a row is one chain."""
    sizes = [part.size or 0 for part in sampler.modules() if isinstance(part, Persistent)]
    return max([n, *sizes])

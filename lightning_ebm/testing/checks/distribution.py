"""Do the draws have the target's distribution, from a right start and from a wrong one?"""

from __future__ import annotations

from dataclasses import replace

import torch

from lightning_ebm.kernels import ULA
from lightning_ebm.problem import Problem
from lightning_ebm.sampler import MCMC, Sampler
from lightning_ebm.starts import Persistent
from lightning_ebm.testing.normal import Normal, uneven
from lightning_ebm.testing.statistics import judge
from lightning_ebm.testing.targets import Known, correlated, near, overlapping
from lightning_ebm.testing.trial import NOT_EXACT, Experiment, keeps, run, telling_scale


def invariance_mixture(sampler: Sampler) -> tuple[bool | None, str]:
    """Chains that begin with a mixture in two dimensions keep projections and weights."""
    return keeps(sampler, _known(overlapping()))


def invariance_gaussian(sampler: Sampler) -> tuple[bool | None, str]:
    """Chains that begin with a correlated Gaussian in three dimensions keep it."""
    return keeps(sampler, _known(correlated()))


def invariance_ten(sampler: Sampler) -> tuple[bool | None, str]:
    """Chains that begin with an uneven Gaussian in ten dimensions keep it."""
    return keeps(sampler, _normal(uneven((10,))))


def invariance_image(sampler: Sampler) -> tuple[bool | None, str]:
    """Chains that begin with uneven Gaussian images of 1 x 4 x 4 keep them."""
    return keeps(sampler, _normal(uneven((1, 4, 4))))


def invariance_sixty_four(sampler: Sampler) -> tuple[bool | None, str]:
    """Chains in 64 dimensions keep a Gaussian so narrow that much is rejected.

    What is wrong in a Hastings ratio shows where it decides. Power against log-ratio × 1.05: for a
    symmetric proposal the target is p^1.05, and |x|² is off by .05 √(d/2) = .28 of its standard
    deviations; for a Langevin proposal or a trajectory by some .05 γ/2 √(d/2), γ per variance:
    .045 at .32, the optimal step. 1,000 chains of 40 draws with a correlation time of two are
    an effective sample size of 20,000, and .045 is 6.4 standard errors, 13 in the second trial.
    """
    if not sampler.exact:
        return True, NOT_EXACT
    scale = telling_scale(sampler, (64,))
    passed, words = keeps(sampler, _normal(uneven((64,), scale)))
    return passed, f"at scale {scale}, {words}"


def temperature(sampler: Sampler) -> tuple[bool | None, str]:
    """At T = 4, which the problem has applied, variances are four times those at T = 1."""
    return keeps(sampler, _known(correlated(temperature=4.0)))


def convergence(sampler: Sampler) -> tuple[bool | None, str]:
    """Chains that begin elsewhere, and were first shown another target, reach the mixture."""
    known = overlapping()
    start = Normal((2,), 1.0, 2.0)

    def change(problem: Problem, t: int) -> Problem:
        return replace(problem, log_density=start.log_prob) if t < 3 else problem

    experiment = Experiment(known, lambda n: known.problem(start, n), 80, change, at_law=False)
    return keeps(sampler, experiment)


def bias(sampler: Sampler) -> tuple[bool | None, str]:
    """Measure the variance of a biased sampler on N(0, 1), against theory where there is one.

    Persistent ULA has the law N(0, 1/(1 - γ/2)) (Roberts and Tweedie 1996, section 1.4.1): chains
    that begin with it keep it.
    """
    if sampler.exact:
        return True, "exact: none to measure"
    kernel = getattr(sampler, "kernel", None)
    if (
        isinstance(sampler, MCMC)
        and isinstance(sampler.start, Persistent)
        and type(kernel) is ULA
        and not sampler.latent
        and not sampler.start.restart
    ):
        variance = 1 / (1 - float(kernel.step_size(torch.zeros(()))) / 2)
        law = Normal((1,), deviation=variance**0.5)
        target = Normal((1,))
        experiment = Experiment(
            law, lambda n: replace(near(target, n_data=n), reference=law, data=law.sample(n)[0])
        )
        passed, words = judge(lambda effort: run(sampler, experiment, effort))
        return passed, f"variance {variance:.4f} on N(0, 1) by the theory of ULA, {words}"
    problem = near(Normal((1,)))
    sampler.train()
    for _ in range(30):
        sampler(problem, 1000)
    sampler.eval()
    squares = torch.stack([sampler(problem, 1000).x.square().mean() for _ in range(30)])
    return True, f"variance on N(0, 1) is {squares.mean():.4f}; no theory to compare with"


def _known(known: Known) -> Experiment:
    return Experiment(known, lambda n: known.problem(known, n))


def _normal(normal: Normal) -> Experiment:
    return Experiment(normal, lambda n: near(normal, n_data=n))

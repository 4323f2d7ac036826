"""Do the draws have the target's distribution, from a right start and from a wrong one?"""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.kernels import ULA
from lightning_ebm.problem import Distribution
from lightning_ebm.sampler import MCMC, Sampler
from lightning_ebm.starts import Persistent
from lightning_ebm.testing.statistics import Verdict, all_hold, kolmogorov_smirnov, mean_test
from lightning_ebm.testing.targets import Known, StandardNormal, correlated, overlapping

N_CHAINS = 1000
N_WARM_UP = 150
N_MEASURED = 40
N_TESTS = 60
NOT_EXACT = "not exact by its own word: its distribution is not tested"


def invariance_gaussian(sampler: Sampler) -> tuple[bool, str]:
    """Chains that begin with a correlated Gaussian keep it."""
    known = correlated()
    return _keeps(sampler, known, known)


def invariance_mixture(sampler: Sampler) -> tuple[bool, str]:
    """Chains that begin with a mixture keep its moments, projections and weights."""
    known = overlapping()
    return _keeps(sampler, known, known)


def convergence(sampler: Sampler) -> tuple[bool, str]:
    """Chains that begin elsewhere, too far and too wide, reach the mixture."""
    return _keeps(sampler, overlapping(), StandardNormal((2,), 1.0, 2.0))


def temperature(sampler: Sampler) -> tuple[bool, str]:
    """At T = 4, which the problem has applied, variances are four times those at T = 1."""
    known = correlated(temperature=4.0)
    return _keeps(sampler, known, known)


def bias(sampler: Sampler) -> tuple[bool, str]:
    """Measure the variance of a biased sampler on N(0, 1), against theory where there is one.

    Persistent ULA has variance 1/(1 - γ/2) (Roberts and Tweedie 1996, section 1.4.1).
    """
    if sampler.exact:
        return True, "exact: none to measure"
    problem = StandardNormal((1,)).problem()
    sampler.train()
    # Without a warm-up of many relaxation times, chains that begin exactly would hide the bias.
    for _ in range(100):
        sampler(problem, N_CHAINS)
    sampler.eval()
    squares = torch.stack(
        [sampler(problem, N_CHAINS).x.flatten().double().square() for _ in range(200)]
    )
    seen = f"variance on N(0, 1) is {squares.mean():.4f}"
    kernel = getattr(sampler, "kernel", None)
    persists = isinstance(sampler, MCMC) and isinstance(sampler.start, Persistent)
    if not (persists and type(kernel) is ULA and not sampler.latent and not sampler.start.restart):
        return True, f"{seen}; no theory to compare with"
    theory = 1 / (1 - float(kernel.step_size(torch.zeros(()))) / 2)
    verdict = mean_test(squares, theory, 2 * theory**2, "the variance")
    passed, words = all_hold([verdict], N_TESTS)
    return passed, f"{words} (theory of ULA)"


def _keeps(sampler: Sampler, known: Known, reference: Distribution) -> tuple[bool, str]:
    if not sampler.exact:
        return True, NOT_EXACT
    problem = known.problem(reference)
    sampler.train()
    for _ in range(N_WARM_UP):
        sampler(problem, N_CHAINS)
    sampler.eval()
    x = torch.stack([sampler(problem, N_CHAINS).x for _ in range(N_MEASURED)])
    return all_hold([*_moments(x, known), *_projections(x[-1], known)], N_TESTS)


def _moments(x: Tensor, known: Known) -> list[Verdict]:
    d = x.shape[-1]
    mean = known.weights @ known.means
    offsets = known.means - mean
    second = known.weights @ (
        known.covariances() + offsets[:, :, None] * offsets[:, None, :]
    ).flatten(1)
    centred = x - mean
    exact = known.sample(20_000)[0] - mean
    verdicts = []
    for i in range(d):
        variance = float(exact[:, i].var())
        verdicts.append(mean_test(centred[..., i], 0.0, variance, f"mean of coordinate {i}"))
        for j in range(i + 1):
            variance = float((exact[:, i] * exact[:, j]).var())
            product = centred[..., i] * centred[..., j]
            expected = float(second[i * d + j])
            verdicts.append(mean_test(product, expected, variance, f"covariance of {i} and {j}"))
    if len(known.weights) > 1:
        membership = torch.stack([known.first_component(points) for points in x])
        variance = float(known.first_component(exact + mean).var())
        weight = float(known.weights[0])
        verdicts.append(mean_test(membership, weight, variance, "weight of the first mode"))
    return verdicts


def _projections(x: Tensor, known: Known) -> list[Verdict]:
    generator = torch.Generator().manual_seed(7)
    directions = torch.randn(4, x.shape[1], generator=generator)
    return [
        kolmogorov_smirnov(known.projected(x, direction), f"direction {k}")
        for k, direction in enumerate(directions / directions.norm(dim=1, keepdim=True))
    ]

"""An energy of which a part is computed in bfloat16 is one density, sampled as it is evaluated."""

from __future__ import annotations

import torch
from scipy import stats
from torch import nn

from lightning_ebm import MCMC, MLP, ConvNet, Problem
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.energies import InBfloat16
from lightning_ebm.kernels import MALA
from lightning_ebm.networks import sampling
from lightning_ebm.starts import Noise


def rounded_mlp() -> MLP:
    """An energy of points on a line, all of whose layers but the last are rounded."""
    torch.manual_seed(0)
    energy = MLP([1], [32, 32], zero_start=False)
    with torch.no_grad():
        energy.layers[-1].weight.mul_(8)
    *features, last = energy.layers
    energy.layers = nn.Sequential(InBfloat16(nn.Sequential(*features)), last)
    return energy


def test_a_part_is_rounded_and_numbers_and_scores_are_float32():
    energy = ConvNet([1, 8, 8], [4], zero_start=False)
    images = torch.randn(5, 1, 8, 8)
    exact = energy(images)
    energy.features = InBfloat16(energy.features)
    base = GaussianBase(event_shape=(1, 8, 8))
    problem = Problem(lambda x: -energy(x), (1, 8, 8), base, networks=(energy,))
    # Lightning's own bfloat16 makes no difference to what is sampled.
    with torch.autocast("cpu", torch.bfloat16), sampling(energy):
        log_prob, score = problem.log_prob_and_score(images)
    assert log_prob.dtype == score.dtype == torch.float32
    assert 0 < (log_prob + exact).abs().max() < 0.02
    assert energy.features.part[0].weight.dtype == torch.float32


def test_chains_follow_the_rounded_density():
    """Kolmogorov-Smirnov, p > .001, against quadrature of the energy as it is."""
    energy = rounded_mlp()
    base = GaussianBase(event_shape=(1,))
    problem = Problem(lambda x: base.log_prob(x) - energy(x), (1,), base, networks=(energy,))
    grid = torch.linspace(-7, 7, 20_001)
    with torch.no_grad():
        masses = (base.log_prob(grid[:, None]) - energy(grid[:, None])).double().exp()
    cumulative = masses.cumsum(0) / masses.sum()
    torch.manual_seed(1)
    x = MCMC(Noise(), MALA(0.3), 200)(problem, 3000).x[:, 0]
    at = torch.searchsorted(grid, x).clamp(max=len(grid) - 1)
    assert stats.kstest(cumulative[at].numpy(), "uniform").pvalue > 0.001
    # The tilt is no small one: draws of the base alone would fail.
    reference = torch.searchsorted(grid, torch.randn(3000))
    assert stats.kstest(cumulative[reference].numpy(), "uniform").pvalue < 1e-6

"""The sampler passes the conformance kit, and crosses where local chains cannot."""

import math

import pytest
import torch
from replica_exchange import ReplicaExchangeSampler

from lightning_ebm import SettingError
from lightning_ebm.data import TwoModes
from lightning_ebm.problem import Problem
from lightning_ebm.testing import check_sampler


class Wide:
    """N(0, 5² I), broad enough to hold both modes."""

    def sample(self, n):
        """Draw n points with their log-densities."""
        x = 5 * torch.randn(n, 2)
        return x, self.log_prob(x)

    def log_prob(self, x):
        """Log-density of points."""
        return -(x / 5).square().sum(1) / 2 - 2 * math.log(5) - math.log(2 * math.pi)


def test_it_passes_the_kit():
    check_sampler(ReplicaExchangeSampler())


def test_its_chains_find_the_weights_of_far_modes():
    torch.manual_seed(0)
    density = TwoModes()
    problem = Problem(density.log_prob, (2,), reference=Wide())
    sampler = ReplicaExchangeSampler(step_size=0.1)
    for _ in range(100):
        draw = sampler(problem, 2000)
    # Chains begin half left, half right; .2 is 30 standard errors away from that.
    weight = density.responsibilities(draw.x).mean(0)[0].item()
    assert weight == pytest.approx(0.2, abs=4.5 * math.sqrt(0.2 * 0.8 / 2000))
    assert draw.info["acceptance_swap"] > 0.2


@pytest.mark.parametrize("ladder", [[], [0.9, 0.5], [1.0, 0.2, 0.5], [1.0, -0.1]])
def test_a_ladder_that_does_not_descend_from_1_is_refused(ladder):
    with pytest.raises(SettingError, match="ladder is"):
        ReplicaExchangeSampler(ladder)

"""What lies in the region of a chain, from its own states, against normalising constants."""

import pytest
import torch
from targets import GaussianMixture, two_directions

from lightning_ebm.evaluation.log_z import local_log_masses


def gaussian(dimension, deviation):
    eye = torch.eye(dimension, dtype=torch.float64)
    return GaussianMixture([1.0], [[2.0] * dimension], [(deviation * eye).tolist()])


def masses(target, log_z, n=100, chains=200):
    x = target.sample(n * chains)[0]
    points = x.view(n, chains, -1)
    return local_log_masses(points, (target.log_prob(x) + log_z).view(n, chains)) - log_z


@pytest.mark.parametrize(("dimension", "most"), [(1, 0.7), (2, 0.9), (4, 1.5), (8, 3.5)])
def test_a_gaussian_region_is_bounded_from_above_and_not_by_much(dimension, most):
    torch.manual_seed(0)
    found = masses(gaussian(dimension, 0.03), 5.0)
    assert (found >= 0).double().mean() > 0.95
    assert 0 < found.median() < most


def test_a_region_of_another_shape_is_not_bounded_too_low():
    torch.manual_seed(0)
    found = masses(two_directions(), -2.0)
    assert (found >= 0).double().mean() > 0.95


@pytest.mark.parametrize("n", [1, 2, 7])
def test_chains_that_are_too_short_bound_nothing(n):
    found = masses(gaussian(2, 0.03), 5.0, n=n, chains=3)
    assert found.shape == (3,)
    assert found.isinf().all()


def test_many_dimensions_bound_nothing_but_hold():
    torch.manual_seed(0)
    found = masses(gaussian(64, 1.0), 0.0, chains=20)
    assert (found > 0).all()


def test_a_chain_that_does_not_move_bounds_nothing():
    points = torch.zeros(100, 3, 2)
    assert local_log_masses(points, torch.zeros(100, 3)).isinf().all()


def test_a_chain_that_wanders_bounds_nothing():
    torch.manual_seed(0)
    target = gaussian(2, 1.0)
    x = target.sample(10_000)[0].view(100, 100, 2)
    still = local_log_masses(x, target.log_prob(x.flatten(0, 1)).view(100, 100))
    x = x + torch.linspace(0, 4, 100)[:, None, None]
    moving = local_log_masses(x, target.log_prob(x.flatten(0, 1)).view(100, 100))
    assert still.isfinite().all()
    assert moving.isinf().double().mean() > 0.95

"""Distances of samples against their formulas."""

import math

import pytest
import torch
from scipy.stats import wasserstein_distance

from lightning_ebm.data import TwoModes
from lightning_ebm.evaluation.distances import maximum_mean_discrepancy, sliced_wasserstein


@pytest.mark.parametrize("dimension", [1, 2, 16])
def test_a_shift_is_seen_by_its_length_and_the_mean_direction(dimension):
    torch.manual_seed(0)
    x = torch.randn(500, dimension)
    shift = torch.full((dimension,), 3.0)
    expected = (
        shift.norm()
        * math.exp(math.lgamma(dimension / 2) - math.lgamma((dimension + 1) / 2))
        / math.sqrt(math.pi)
    )
    assert sliced_wasserstein(x, x + shift, 5000) == pytest.approx(expected.item(), rel=0.03)


def test_samples_of_different_size_in_one_dimension_agree_with_scipy():
    torch.manual_seed(0)
    x, y = torch.randn(400, 1), 2 * torch.randn(1000, 1) + 1
    ours = sliced_wasserstein(x, y, 1)
    assert ours == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]), rel=0.01)


def test_discrepancy_is_the_mean_over_pairs():
    torch.manual_seed(0)
    x, y = torch.randn(12, 2, 2), torch.randn(9, 2, 2)

    def k(a, b):
        return math.exp(-(a - b).square().sum().item() / (2 * 0.7**2))

    def within(z):
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if i != j]
        return sum(k(z[i], z[j]) for i, j in pairs) / len(pairs)

    between = sum(k(a, b) for a in x for b in y) / (len(x) * len(y))
    expected = within(x) + within(y) - 2 * between
    assert maximum_mean_discrepancy(x, y, 0.7) == pytest.approx(expected, abs=1e-7)


def test_both_see_wrong_weights_of_modes():
    torch.manual_seed(0)
    right, wrong, data = TwoModes().sample(1000), TwoModes(weight=0.5).sample(1000), TwoModes()
    held_out = data.sample(1000)
    for distance in (sliced_wasserstein, maximum_mean_discrepancy):
        assert distance(wrong, held_out) > 10 * distance(right, held_out).abs()

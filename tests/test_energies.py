"""Energies see standardised points, start where they are told to, and keep their bound."""

import math

import pytest
import torch

from lightning_ebm import MLP, ConvNet, SettingError

MAKERS = {
    "MLP": lambda **options: MLP([1, 8, 8], hidden=[16], **options),
    "ConvNet": lambda **options: ConvNet([1, 8, 8], widths=[4, 8], **options),
}


def images(n=6):
    torch.manual_seed(0)
    return torch.randn(n, 1, 8, 8)


@pytest.mark.parametrize("name", MAKERS)
def test_energies_are_one_number_per_point_and_zero_to_begin_with(name):
    assert torch.equal(MAKERS[name]()(images()), torch.zeros(6))
    assert MAKERS[name](zero_start=False)(images()).unique().numel() == 6


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_fitted_to_data_undoes_its_place_and_scale(name):
    energy = MAKERS[name](zero_start=False)
    energy.initialise(images(200))
    plain = energy(images())
    energy.initialise(5 + 3 * images(200))
    assert torch.allclose(energy(5 + 3 * images()), plain, atol=1e-4)


@pytest.mark.parametrize("name", MAKERS)
def test_a_bound_holds_everywhere_and_changes_small_energies_little(name):
    torch.manual_seed(1)
    free = MAKERS[name](zero_start=False)
    torch.manual_seed(1)
    bounded = MAKERS[name](zero_start=False, bound=2.0)
    far = 1e6 * images()
    assert free(far).abs().max() > 100
    assert bounded(far).abs().max() <= 2
    small = free(images()).detach()
    # tanh u = u - u³/3 + ...
    tolerance = float(small.abs().max()) ** 5 / 100 + 1e-6
    assert torch.allclose(bounded(images()), small - small**3 / 12, atol=tolerance)


def test_a_bounded_tilt_keeps_weights_within_the_factor_it_promises():
    torch.manual_seed(2)
    energy = MLP([2], zero_start=False, bound=1.5)
    with torch.no_grad():
        energy.layers[-1].weight.mul_(1000)
    log_weights = -energy(torch.randn(20_000, 2))
    log_z = log_weights.logsumexp(0) - math.log(20_000)
    assert log_weights.max() - log_z <= 2 * 1.5
    assert log_weights.max() - log_weights.min() > 2.9, "the bound is not reached: no test"


@pytest.mark.parametrize("bound", [0.0, -1.0])
def test_a_bound_that_is_not_positive_is_refused(bound):
    with pytest.raises(SettingError, match=r"bound is .*positive.*or null"):
        MLP([2], bound=bound)

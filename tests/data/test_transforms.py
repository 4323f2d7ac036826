"""Transforms: each is undone by its inverse and says what it does to a volume."""

import math

import pytest
import torch
from torch.testing import assert_close

from lightning_ebm.transforms import (
    Compose,
    Dequantise,
    GaussianNoise,
    Logit,
    Scale,
    bits_per_dimension,
)

TRANSFORMS = {
    "scale": lambda: Scale(-1.0, 1.0),
    "scale, uneven": lambda: Scale(2.0, 2.5),
    "logit": Logit,
    "logit, no margin": lambda: Logit(margin=0.0),
    "composed": lambda: Compose([Scale(0.2, 0.7), Logit(margin=0.1), Scale(-3.0, 4.0)]),
    "empty": lambda: Compose([]),
}


@pytest.fixture(params=TRANSFORMS.values(), ids=TRANSFORMS.keys())
def transform(request):
    torch.manual_seed(0)
    return request.param()


def test_inverse_undoes_forward(transform):
    x = torch.rand(5, 1, 2, 3, dtype=torch.float64)
    assert transform.forward(x).shape == x.shape
    assert_close(transform.inverse(transform.forward(x)), x)


def test_log_det_is_that_of_the_jacobian(transform):
    x = torch.rand(5, 1, 2, 3, dtype=torch.float64)

    def one(values):
        return transform.forward(values.reshape(1, 1, 2, 3)).flatten()

    expected = [torch.autograd.functional.jacobian(one, item.flatten()).det().log() for item in x]
    assert_close(transform.log_det(x), torch.stack(expected))


def test_a_uniform_model_needs_all_the_bits():
    x = torch.rand(4, 1, 2, 2)
    log_prob = torch.zeros(4)
    assert_close(bits_per_dimension(log_prob, torch.zeros(4), 4), torch.full((4,), 8.0))
    # The same model seen in [-1, 1], where its density is 2^-4.
    seen = torch.full((4,), -4 * math.log(2))
    assert_close(bits_per_dimension(seen, Scale().log_det(x), 4, levels=16), torch.full((4,), 4.0))


def test_bits_do_not_depend_on_the_space_of_the_model():
    x = torch.rand(4, 3, dtype=torch.float64)
    logit = Logit()
    # A standard logistic variable is the logit of a uniform one.
    y = logit.forward(x)
    uniform = (y.sigmoid() * (1 - y.sigmoid())).log().sum(dim=1)
    expected = torch.full((4,), 8 - math.log2(0.9), dtype=torch.float64)
    assert_close(bits_per_dimension(uniform, logit.log_det(x), 3), expected)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_dequantised_levels_stay_in_their_cells(levels):
    torch.manual_seed(0)
    v = torch.arange(levels, dtype=torch.uint8).repeat(2000, 1)
    dequantise = Dequantise(levels)
    x = dequantise.forward(v)
    assert x.dtype == torch.float32
    assert 0 < x.min() < x.max() < 1
    assert torch.equal(dequantise.inverse(x), v)
    assert dequantise.forward(torch.zeros(10**6, dtype=torch.uint8)).min() > 0
    within = x * levels - v
    assert_close(within.mean().item(), 0.5, rtol=0, atol=5 * 0.29 / math.sqrt(v.numel()))
    assert_close(within.std().item(), math.sqrt(1 / 12), rtol=0.02, atol=0)


def test_gaussian_noise_has_its_scale_and_its_generator():
    noise = GaussianNoise(0.5)
    x = torch.zeros(100_000)
    first, second = (noise.forward(x, torch.Generator().manual_seed(1)) for _ in range(2))
    assert_close(first.std().item(), 0.5, rtol=0.02, atol=0)
    assert torch.equal(first, second)
    assert torch.equal(GaussianNoise(0.0).forward(x), x)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Scale(1.0, 1.0), "high: 1.0 is not above low"),
        (lambda: Logit(margin=0.5), "margin: 0.5 is out of range"),
        (lambda: Dequantise(levels=257), "levels is 257: more than can be"),
        (lambda: GaussianNoise(-0.1), "noise: -0.1 is no standard deviation"),
    ],
)
def test_bad_settings_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()

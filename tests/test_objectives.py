"""What the energy minimises besides its likelihood, against finite differences."""

import pytest
import torch
from torch import nn

from lightning_ebm.objectives import gradient_penalty, magnitude_penalty


class TwoLevels(nn.Module):
    """E(x) = a 1[x > 0] + b sin(x₁ + 2x₂), with a smooth step between modes at ±4."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.7, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))

    def forward(self, x):
        return self.a * torch.sigmoid(20 * x[:, 0]) + self.b * torch.sin(x @ x.new_tensor([1, 2]))


@pytest.fixture
def points():
    generator = torch.Generator().manual_seed(0)
    x = 0.5 * torch.randn(200, 2, dtype=torch.float64, generator=generator)
    x[:, 0] += torch.where(torch.arange(200) % 2 == 0, 4.0, -4.0)
    return x.requires_grad_()


def test_the_gradient_penalty_is_that_of_finite_differences(points):
    energy, h = TwoLevels(), 1e-5
    steps = h * torch.eye(2, dtype=torch.float64)
    with torch.no_grad():
        slopes = [(energy(points + step) - energy(points - step)) / (2 * h) for step in steps]
    expected = torch.stack(slopes).square().sum(0)
    torch.testing.assert_close(gradient_penalty(energy(points), points), expected)


def test_the_gradient_penalty_teaches_the_energy(points):
    energy, h = TwoLevels(), 1e-5
    gradient_penalty(energy(points), points).mean().backward()
    values = []
    for step in (h, -h):
        shifted = TwoLevels()
        shifted.b.data += step
        values.append(gradient_penalty(shifted(points), points).mean().item())
    assert energy.b.grad.item() == pytest.approx((values[0] - values[1]) / (2 * h))


def test_the_gradient_penalty_leaves_the_weights_of_modes_alone(points):
    energy = TwoLevels()
    gradient_penalty(energy(points), points).mean().backward()
    assert abs(energy.a.grad.item()) < 1e-6
    energy.zero_grad()
    values = energy(points)
    magnitude_penalty(values[::2], values[1::2]).backward()
    assert abs(energy.a.grad.item()) > 0.1

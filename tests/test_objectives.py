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


H = 1e-5


@pytest.fixture
def data_and_samples():
    """Points about both modes; three times as many samples as data."""
    generator = torch.Generator().manual_seed(0)
    x = 0.5 * torch.randn(200, 2, dtype=torch.float64, generator=generator)
    x[:, 0] += torch.where(torch.arange(200) % 2 == 0, 4.0, -4.0)
    return [part.requires_grad_() for part in (x[:50].clone(), x[50:].clone())]


def penalty(energy, data, samples):
    return gradient_penalty(energy(torch.cat([data, samples])), data, samples)


def test_the_gradient_penalty_is_that_of_finite_differences(data_and_samples):
    energy, expected = TwoLevels(), 0.0
    for x in data_and_samples:
        steps = H * torch.eye(2, dtype=torch.float64)
        slopes = [(energy(x + step) - energy(x - step)) / (2 * H) for step in steps]
        expected += torch.stack(slopes).square().sum(0).mean().item()
    assert penalty(energy, *data_and_samples).item() == pytest.approx(expected)


def test_the_gradient_penalty_teaches_the_energy(data_and_samples):
    energy = TwoLevels()
    penalty(energy, *data_and_samples).backward()
    values = []
    for step in (H, -H):
        shifted = TwoLevels()
        shifted.b.data += step
        values.append(penalty(shifted, *data_and_samples).item())
    assert energy.b.grad.item() == pytest.approx((values[0] - values[1]) / (2 * H))


def test_the_gradient_penalty_leaves_the_weights_of_modes_alone(data_and_samples):
    energy = TwoLevels()
    penalty(energy, *data_and_samples).backward()
    assert abs(energy.a.grad.item()) < 1e-6
    energy.zero_grad()
    magnitude_penalty(*map(energy, data_and_samples)).backward()
    assert abs(energy.a.grad.item()) > 0.1

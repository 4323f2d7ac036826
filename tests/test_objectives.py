"""What the energy minimises besides its likelihood, against finite differences."""

import pytest
import torch
from torch import nn

from lightning_ebm.objectives import (
    difference_penalty,
    gradient_penalty,
    likelihood_loss,
    magnitude_penalty,
)


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


class RareMode:
    """Two cells of a grid, one of which has .005 of the data and e^-50 of the base.

    Its energy must then be 50 below the other's, and there are as good as no samples of it until
    it is nearly that. Batches are counts of points, the energy is a table.
    """

    weights = torch.tensor([0.005, 0.995], dtype=torch.float64)

    def __init__(self, rare_energy):
        self.energies = torch.tensor([rare_energy, 0.0], dtype=torch.float64, requires_grad=True)
        base = torch.tensor([-50.0, 0.0], dtype=torch.float64) + self.weights.log()
        self.model_weights = (base - self.energies.detach()).softmax(0)

    def slopes(self, loss, n=200, repeats=4000):
        """Gradient of a loss in both energies, mean and standard error over batches of n."""
        torch.manual_seed(0)
        gradients = []
        for _ in range(repeats):
            data = self.energies[torch.multinomial(self.weights, n, replacement=True)]
            samples = self.energies[torch.multinomial(self.model_weights, n, replacement=True)]
            gradients.append(torch.autograd.grad(loss(data, samples), self.energies)[0])
        gradients = torch.stack(gradients)
        return gradients.mean(0), gradients.std(0) / repeats**0.5


def test_the_penalty_on_the_difference_has_no_gradient_at_the_optimum_of_likelihood():
    """On average over batches too, which a square of the difference would not."""
    mode = RareMode(-50.0)
    assert torch.allclose(mode.model_weights, mode.weights)
    mean, error = mode.slopes(difference_penalty)
    # Four standard errors: p < 1e-4.
    assert (mean.abs() < 4 * error).all()
    squared, error = mode.slopes(lambda data, samples: likelihood_loss(data, samples) ** 2)
    assert (squared.abs() > 4 * error).all()


def test_the_penalty_on_the_difference_follows_the_gradient_of_likelihood(data_and_samples):
    """Halves alike make it D², so that loss and penalty have the slope (1 + 2λD) ∇D."""
    energy, twice = TwoLevels(), [x.repeat_interleave(2, dim=0) for x in data_and_samples]
    slopes = []
    for loss in (likelihood_loss, difference_penalty):
        energy.zero_grad()
        loss(*map(energy, twice)).backward()
        slopes.append(torch.stack([energy.a.grad, energy.b.grad]))
    difference = likelihood_loss(*map(energy, data_and_samples)).item()
    assert torch.allclose(slopes[1], 2 * difference * slopes[0])


def test_a_penalty_on_energies_cancels_the_pull_of_a_rare_mode_and_one_on_the_difference_not():
    """2λ|E| = 1 for λ = .01 and E = -50, just before the mode has samples."""
    mode = RareMode(-50.0)
    mode.model_weights = torch.tensor([0.0, 1.0], dtype=torch.float64)

    def rare_slope(penalty, strength):
        return mode.slopes(lambda *e: likelihood_loss(*e) + strength * penalty(*e))[0][0].item()

    likelihood = rare_slope(magnitude_penalty, 0.0)
    assert likelihood == pytest.approx(0.005, rel=0.1)
    assert rare_slope(magnitude_penalty, 0.01) == pytest.approx(0, abs=1e-12)
    assert rare_slope(difference_penalty, 0.1) == pytest.approx(0.95 * likelihood, rel=0.02)

"""What the energy minimises."""

from __future__ import annotations

import torch
from torch import Tensor


def likelihood_loss(energy_data: Tensor, energy_samples: Tensor) -> Tensor:
    """A function of the energies whose gradient is that of the negative log-likelihood.

    ∇[mean E(x⁺) - mean E(x⁻)] = ∇ -log-likelihood when x⁻ are samples of the model. Its value
    tells nothing of the quality of a fit: at the optimum it is 0, and elsewhere it may be too.

    Source: Hinton 2002, eq. 3.
    """
    return energy_data.mean() - energy_samples.mean()


def magnitude_penalty(energy_data: Tensor, energy_samples: Tensor) -> Tensor:
    """Mean E(x⁺)² + mean E(x⁻)², which keeps energies near 0 (Du and Mordatch 2019, eq. 5)."""
    return energy_data.square().mean() + energy_samples.square().mean()


def gradient_penalty(energies: Tensor, data: Tensor, samples: Tensor) -> Tensor:
    """Mean ‖∇E(x⁺)‖² + mean ‖∇E(x⁻)‖², differentiable in the parameters of the energy.

    It flattens the energy wherever there are points, and is blind to what differs from mode to
    mode by a constant: in the direction h its derivative is a mean of 2∇E·∇h, which is 0 where h
    is the indicator of a mode that nothing joins to others. So it leaves the weights of such
    modes to the likelihood, which a penalty on E itself does not.

    Args:
        energies: E at data and samples, one after the other, computed from them.
        data: x⁺ `(n, *event)`, which require gradients.
        samples: x⁻ `(m, *event)`, likewise.
    """
    gradients = torch.autograd.grad(energies.sum(), (data, samples), create_graph=True)
    return sum(gradient.flatten(1).square().sum(1).mean() for gradient in gradients)

"""What the energy minimises."""

from __future__ import annotations

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

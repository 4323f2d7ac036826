"""What the energy minimises: the likelihood, and penalties by choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class EnergyLoss(NamedTuple):
    """A loss, and the energies `(n,)` of data and `(m,)` of samples that it is made of."""

    value: Tensor
    data: Tensor
    samples: Tensor


@dataclass(frozen=True)
class Objective:
    """The likelihood, and weighted penalties: λ or γ of the functions of these names."""

    difference_penalty: float = 0.0
    magnitude_penalty: float = 0.0
    gradient_penalty: float = 0.0

    def __call__(
        self, energy: Callable[[Tensor], Tensor], data: Tensor, samples: Tensor
    ) -> EnergyLoss:
        """The loss by one evaluation of the energy, `(n, *event)` to `(n,)`, at all points."""
        steep = self.gradient_penalty > 0
        points = [x.detach().requires_grad_(steep) for x in (data, samples)]
        values = energy(torch.cat(points))
        of_data, of_samples = values.split([len(data), len(samples)])
        loss = likelihood_loss(of_data, of_samples)
        if self.difference_penalty:
            loss = loss + self.difference_penalty * difference_penalty(of_data, of_samples)
        if self.magnitude_penalty:
            loss = loss + self.magnitude_penalty * magnitude_penalty(of_data, of_samples)
        if self.gradient_penalty:
            loss = loss + self.gradient_penalty * gradient_penalty(values, *points)
        return EnergyLoss(loss, of_data, of_samples)


def likelihood_loss(energy_data: Tensor, energy_samples: Tensor) -> Tensor:
    """A function of the energies whose gradient is that of the negative log-likelihood.

    ∇[mean E(x⁺) - mean E(x⁻)] = ∇ -log-likelihood when x⁻ are samples of the model. Its value
    tells nothing of the quality of a fit: at the optimum it is 0, and elsewhere it may be too.

    Source: Hinton 2002, eq. 3.
    """
    return energy_data.mean() - energy_samples.mean()


def difference_penalty(energy_data: Tensor, energy_samples: Tensor) -> Tensor:
    """D² with D = mean E(x⁺) - mean E(x⁻), which holds back energies that run away.

    With it the energy follows (1 + 2λD) ∇D: the likelihood's gradient, the shorter the further D
    falls, and turned about below -1/2λ, which only chains that do not follow their model let it
    reach. At the likelihood's optimum D is 0 whatever the weights of modes, and so is the
    penalty's gradient: it moves none. The two factors are of two halves of the points, so that
    this is so on average over batches too, where a square would count the variance of energies.
    """
    halves = [energy_data[k::2].mean() - energy_samples[k::2].mean() for k in (0, 1)]
    return halves[0] * halves[1]


def magnitude_penalty(energy_data: Tensor, energy_samples: Tensor) -> Tensor:
    """Mean E(x⁺)² + mean E(x⁻)², which keeps energies near 0 (Du and Mordatch 2019, eq. 5).

    It costs weight. At rest a mode of weight w in the data has w + 2λ(E_data[E 1] + E_model[E 1])
    in the model, 1 being the mode's indicator; and while a mode is without samples, the pull of
    its data on its energy is not w but w (1 + 2λE), which is 0 at E = -1/2λ. Rare modes need such
    energies: the Gaussian fitted to two modes, of which one has w = .005, is 56 nats too low
    there. With λ = .01 the pull ends at -50, and the mode is lost, from the model or from chains.
    """
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
    of_data, of_samples = (gradient.flatten(1).square().sum(1).mean() for gradient in gradients)
    return of_data + of_samples

"""Networks that notice misuse: an energy, and a flow that is exact for no target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lightning_ebm.testing.normal import Normal

if TYPE_CHECKING:
    from lightning_ebm.testing.targets import Known


class WatchfulEnergy(nn.Module):
    """The energy of a known target, with what a sampler may wrongly touch.

    It has a parameter, a buffer that training mode moves as BatchNorm's does, and the temperature,
    which the problem has applied already.
    """

    calls: Tensor

    def __init__(self, known: Known) -> None:
        super().__init__()
        self.known = known
        self.temperature = known.temperature
        self.offset = nn.Parameter(torch.tensor(1.3))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Energies `(n,)`."""
        if self.training:
            self.calls += 1
        return self.offset.to(x) - self.known.log_prob(x)


class HeavyFlow(nn.Module):
    """x = scale · sinh(power · asinh(z)) by coordinate: near many targets, exact for none.

    Its tails are heavier than normal. In training mode it is another flow, as one with dropout or
    batch statistics would be.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        scale: float | Tensor = 1.0,
        power: float = 1.1,
    ) -> None:
        super().__init__()
        self.event_shape = event_shape
        self.latent_shape = (math.prod(event_shape),)
        self.base = Normal(self.latent_shape)
        self.log_scale = nn.Parameter(torch.as_tensor(scale).log())
        self.power = power

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Latent points to data."""
        inner = self.power * z.asinh()
        log_det = inner.cosh().log() - z.square().add(1).log() / 2 + math.log(self.power)
        x = self._scale(z) * inner.sinh()
        return x.view(-1, *self.event_shape), (log_det + self._scale(z).log()).sum(1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Data to latent points."""
        z = ((x.flatten(1) / self._scale(x)).asinh() / self.power).sinh()
        return z, -self.forward(z)[1]

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points with their log-densities."""
        z, log_base = self.base.sample(n)
        x, log_det = self.forward(z)
        return x, log_base - log_det

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of points."""
        z, log_det = self.inverse(x)
        return self.base.log_prob(z) + log_det

    def _scale(self, like: Tensor) -> Tensor:
        return self.log_scale.to(like).exp() * (1.5 if self.training else 1.0)

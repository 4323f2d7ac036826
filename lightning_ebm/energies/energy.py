"""What an energy is: any network that gives each point one number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lightning_ebm.ranges import require_positive, require_shape


class Energy(nn.Module, ABC):
    """E(x), one number per point, of that point alone.

    Any `nn.Module` passes for an energy, in Python and in YAML. One that derives from this class
    is also shown the data before training and sees it standardised, within another network too.

    To implement one: write `energy` for standardised points.

    Args:
        event_shape: shape of one point.
        bound: B, the largest |E|, kept by B tanh(E/B); null for none. At T = 1 a density that
            tilts a normalised base by at most B nats lies within a factor e^{2B} of it everywhere,
            so that nothing runs away, and independent proposals from that very base mix at a known
            rate, ‖P^t - p‖ ≤ (1 - e^{-2B})^t (Mengersen and Tweedie 1996).

    Raises:
        SettingError: if the shape is none, or the bound not positive.
    """

    location: Tensor
    scale: Tensor

    def __init__(self, event_shape: list[int], bound: float | None = None) -> None:
        super().__init__()
        require_positive("bound", bound, null="none")
        self.event_shape = require_shape("event_shape", event_shape)
        self.bound = bound
        self.register_buffer("location", torch.zeros(self.event_shape))
        self.register_buffer("scale", torch.ones(()))

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        return issubclass(other, nn.Module) if cls is Energy else NotImplemented

    @abstractmethod
    def energy(self, x: Tensor) -> Tensor:
        """Energies `(n,)` of standardised points `(n, *event)`."""

    def initialise(self, data: Tensor) -> None:
        """Fit the standardisation to data: a mean per coordinate, one scale for all."""
        self.location.copy_(data.mean(0))
        self.scale.copy_((data - self.location).square().mean().sqrt().clamp(min=1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """Energies `(n,)` of points `(n, *event)`."""
        energy = self.energy((x - self.location) / self.scale)
        return energy if self.bound is None else self.bound * torch.tanh(energy / self.bound)


if TYPE_CHECKING:
    AnyEnergy = nn.Module
else:
    # Any module is a subclass of `Energy`, as `issubclass` says, and help on YAML names that.
    AnyEnergy = Energy

"""What an energy is: any network that gives each point one number."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Energy(nn.Module, ABC):
    """E(x), one number per point, of that point alone.

    Any `nn.Module` passes for an energy, in Python and in YAML. One that derives from this class
    is also shown the data before training and sees it standardised.

    To implement one: write `energy` for standardised points.

    Args:
        event_shape: shape of one point.
    """

    def __init__(self, event_shape: list[int]) -> None:
        super().__init__()
        self.event_shape = tuple(event_shape)
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
        return self.energy((x - self.location) / self.scale)

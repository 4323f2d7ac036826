"""What other libraries' models must have to be flows: Protocols of their parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn


class NormflowsBase(Protocol):
    """A base distribution of normflows."""

    def __call__(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points with their log-densities."""

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density `(n,)` of points."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """What can be learned of it."""


class Transform(Protocol):
    """An invertible map of points, as those of `torch.distributions` and zuko are."""

    @property
    def inv(self) -> Transform:
        """Its inverse."""

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points mapped, and the log-determinants."""


class Called(Protocol):
    """What a flow of zuko gives when it is called: a distribution made by a transform."""

    @property
    def base(self) -> torch.distributions.Distribution:
        """What the transform, from data to base, leads to."""

    @property
    def transform(self) -> Transform:
        """From data to base."""

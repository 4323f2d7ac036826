"""What a known density offers: exact draws, its exact value, and the truth about its modes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor

from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import is_number


class Density(ABC):
    """A normalised density that is known exactly, so that a model of it can be judged exactly.

    To implement one: write `sample` and `log_prob`, give a `box` that holds it, and say in
    `mode_weights` and `responsibilities` what its modes are. Set `event_shape` unless points are
    two-dimensional. A finite mixture is shorter as a `Mixture`, which derives most of this.

    Attributes:
        event_shape: shape of one point.
    """

    event_shape: tuple[int, ...] = (2,)

    @abstractmethod
    def sample(self, n: int) -> Tensor:
        """Draw `n` independent points `(n, *event)` from torch's global generator."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Normalised log-density `(n,)` of points `(n, *event)`, in their dtype and device."""

    @property
    @abstractmethod
    def box(self) -> tuple[float, float]:
        """Ends (lo, hi) of the square [lo, hi]² that holds all but a negligible mass."""

    @property
    def boxes(self) -> Tensor:
        """Lowest and highest corners `(n, 2, *event)` of boxes that together hold as much.

        One about each mode, where modes have places: quadrature is fine there, so that modes may
        be as narrow and as far from each other as they like.
        """
        lo, hi = torch.tensor(self.box, dtype=torch.float64)
        return torch.stack([lo.expand(self.event_shape), hi.expand(self.event_shape)])[None]

    @property
    @abstractmethod
    def mode_weights(self) -> Tensor:
        """Probability `(K,)` of each mode."""

    @abstractmethod
    def responsibilities(self, x: Tensor) -> Tensor:
        """Probability `(n, K)` that each point `(n, *event)` belongs to each mode."""


def require_positive(name: str, values: Iterable[float]) -> None:
    """Refuse numbers that are not positive and finite.

    Raises:
        SettingError: if one is not.
    """
    for value in values:
        if not (is_number(value) and 0 < value < float("inf")):
            raise SettingError(f"{name}: {value} is not a positive number; give one above 0")

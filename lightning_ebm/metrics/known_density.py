"""What metrics and evaluation need of a density that is known."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class KnownDensity(Protocol):
    """A normalised density with named modes; `lightning_ebm.data.Density` is one."""

    @property
    def boxes(self) -> Tensor:
        """Lowest and highest corners `(n, 2, *event)` of boxes that hold practically all mass."""

    @property
    def mode_weights(self) -> Tensor:
        """The true weight of each mode, `(K,)`."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density `(n,)` of points."""

    def responsibilities(self, x: Tensor) -> Tensor:
        """How far each point belongs to each mode, `(n, K)`, rows summing to 1."""

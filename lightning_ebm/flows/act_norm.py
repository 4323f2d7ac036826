"""ActNorm that torch's compiler can trace."""

from __future__ import annotations

import normflows as nf
import torch
from torch import Tensor

Mapped = tuple[Tensor, Tensor]
"""Points, and the log-determinant at each."""


class ActNorm(nf.flows.ActNorm):
    """normflows' own, which asks at every call whether it is still to be fitted to a batch.

    Compiled code cannot ask that. By then `Flow.initialise` has seen to it.
    """

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift, and the log-determinant."""
        if torch.compiler.is_compiling():
            mapped: Mapped = nf.flows.AffineConstFlow.forward(self, z)
        else:
            mapped = super().forward(z)
        return mapped

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Undo it, and the log-determinant of that."""
        if torch.compiler.is_compiling():
            mapped: Mapped = nf.flows.AffineConstFlow.inverse(self, z)
        else:
            mapped = super().inverse(z)
        return mapped

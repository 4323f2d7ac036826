"""ActNorm that asks once whether it is fitted, so that a device need not be waited for."""

from __future__ import annotations

from typing import Any

import normflows as nf
import torch
from torch import Tensor

Mapped = tuple[Tensor, Tensor]
"""Points, and the log-determinant at each."""


class ActNorm(nf.flows.ActNorm):
    """normflows' own, which asks at every call whether it is still to be fitted to a batch.

    A program that asks waits for its GPU, and compiled code cannot ask. Once the answer was yes it
    stays so until another state is loaded; what is compiled has been through `Flow.initialise`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - normflows' signature
        super().__init__(*args, **kwargs)
        self._is_fitted = False

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift, and the log-determinant."""
        if torch.compiler.is_compiling() or self._is_fitted:
            mapped: Mapped = nf.flows.AffineConstFlow.forward(self, z)
            return mapped
        mapped = super().forward(z)
        self._note(z)
        return mapped

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Undo it, and the log-determinant of that."""
        if torch.compiler.is_compiling() or self._is_fitted:
            mapped: Mapped = nf.flows.AffineConstFlow.inverse(self, z)
            return mapped
        mapped = super().inverse(z)
        self._note(z)
        return mapped

    def _note(self, z: Tensor) -> None:
        self._is_fitted = True
        # normflows leaves the mark on the CPU, where processes with a GPU each cannot compare it.
        mark = self.get_buffer("data_dep_init_done")
        self.register_buffer("data_dep_init_done", mark.to(z.device))

    def _load_from_state_dict(self, *args: Any) -> None:  # noqa: ANN401 - torch's signature
        super()._load_from_state_dict(*args)
        self._is_fitted = False

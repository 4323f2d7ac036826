"""A part of an energy that computes in bfloat16, inside a network of float32."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class InBfloat16(nn.Module):
    """A part of a network whose products of matrices are of bfloat16; what it gives is not.

    Its weights stay float32, and so do log-densities, scores and all that is decided by them:
    what is sampled, trained and evaluated is one and the same energy, that of the rounded part.
    Bfloat16 has three digits. Leave the last layer out of it: an energy of 10 nats that is itself
    rounded goes in steps of .06.

    Args:
        part: the part, which is given a tensor and gives one.
    """

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        """What the part makes of it, of the type of `x`."""
        with torch.autocast(x.device.type, torch.bfloat16):
            value: Tensor = self.part(x)
        return value.to(x.dtype)

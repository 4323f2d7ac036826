"""Whether a program has to wait for a number that a device computes."""

from __future__ import annotations

from torch import Tensor


def answers_at_once(x: Tensor) -> bool:
    """Whether the program need not wait for a device to learn a number that is computed there."""
    return x.device.type == "cpu"

"""The moving average of the energy's weights, which is what is evaluated."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """An exponential moving average of a network's weights, short at first.

    Args:
        network: what is averaged.
        decay: the weight that an average keeps, once it has run for long.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network, multi_avg_fn=ShortAtFirst(decay))
        self.requires_grad_(False)


class ShortAtFirst:
    """A rule by which weights are averaged.

    Args:
        decay: the weight that an average keeps, once it has run for long.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay

    @torch.no_grad()
    def __call__(self, averaged: list[Tensor], current: list[Tensor], n: Tensor) -> None:
        """Move averages of n weights towards the current ones, in place.

        Early on the average is short, or the first weights would weigh on it for 1/(1-decay)
        steps and more.
        """
        short = (1 + n) / (10 + n)
        weight = 1 - torch.minimum(torch.full_like(n, self.decay, dtype=torch.float64), short)
        torch._foreach_lerp_(averaged, current, weight.item())

"""The moving average of the energy's weights, which is what is evaluated."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def moving_average(energy: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a network's weights, short at first.

    Args:
        energy: the network.
        decay: the weight that an average keeps, once it has run for long.
    """

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], n: Tensor) -> None:
        # Early on the average is short, or the first weights would weigh on it for 1/(1-decay)
        # steps and more.
        weight = 1 - torch.minimum(
            torch.full_like(n, decay, dtype=torch.float64), (1 + n) / (10 + n)
        )
        torch._foreach_lerp_(averaged, current, weight.item())

    return AveragedModel(energy, multi_avg_fn=update).requires_grad_(False)

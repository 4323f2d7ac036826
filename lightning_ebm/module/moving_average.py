"""The moving average of the energy's weights, which is what is evaluated."""

from __future__ import annotations

from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """An exponential moving average of a network's weights, short at first.

    Early on the average is short, or the first weights would weigh on it for 1/(1-decay) steps
    and more.

    Args:
        network: what is averaged.
        decay: the weight that an average keeps, once it has run for long.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network)
        self.decay = decay
        self._count: int | None = None
        self.requires_grad_(False)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move the averages towards a network's weights, and take over its buffers."""
        # The buffer may be on a device that would have to be waited for.
        count = int(self.n_averaged) if self._count is None else self._count
        averaged: list[Tensor] = list(self.module.parameters())
        current = [p.to(a.device) for a, p in zip(averaged, model.parameters(), strict=True)]
        if count == 0:
            torch._foreach_copy_(averaged, current)
        else:
            torch._foreach_lerp_(averaged, current, self._weight(count))
        for mine, other in zip(self.module.buffers(), model.buffers(), strict=True):
            mine.copy_(other)
        self.n_averaged += 1
        self._count = count + 1

    def _weight(self, count: int) -> float:
        """That of the current weights, in an average of so many."""
        short = numpy.float32(1 + count) / numpy.float32(10 + count)
        return 1 - min(self.decay, float(short))

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - torch's
        super()._load_from_state_dict(*args, **kwargs)
        self._count = None

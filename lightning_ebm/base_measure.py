"""What an energy tilts: p(x) ∝ exp(-E(x)) b(x), with b a Gaussian or a frozen flow."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from lightning_ebm.flows import Flow
from lightning_ebm.ranges import require_positive


class GaussianBase(nn.Module):
    """A Gaussian with independent coordinates, fitted to data and widened.

    Its shape is that of the data, or of the checkpoint that it is loaded from.

    Args:
        widening: factor on the data's standard deviations.
        event_shape: shape of a point where it is known beforehand, so that copies of the module
            that others make before the first batch have it too.
    """

    def __init__(self, widening: float = 1.0, event_shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.widening = require_positive("model.base_widening", widening)
        self.register_buffer("mean", torch.zeros(event_shape))
        self.register_buffer("deviation", torch.ones(event_shape))

    def initialise(self, data: Tensor) -> None:
        """Fit mean and deviations; a coordinate that hardly varies gets 1/1000 of the average."""
        deviation = data.std(0)
        floor = deviation.square().mean().sqrt().clamp(min=1e-6) / 1000
        self.mean = data.mean(0)
        self.deviation = deviation.clamp(min=floor) * self.widening

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points with their log-densities."""
        noise = torch.randn(n, *self.mean.shape, device=self.mean.device, dtype=self.mean.dtype)
        x = self.mean + self.deviation * noise
        return x, self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density `(n,)` of points."""
        z = (x - self.mean) / self.deviation
        log_normaliser = self.deviation.log() + math.log(2 * math.pi) / 2
        return -(z.square() / 2 + log_normaliser).flatten(1).sum(1)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        *args: Any,  # noqa: ANN401 - torch's hook
    ) -> None:
        for name in ("mean", "deviation"):
            if prefix + name in state_dict:
                saved = state_dict[prefix + name]
                setattr(self, name, getattr(self, name).new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)


class FrozenFlow(nn.Module):
    """A copy of the companion flow as it was after pre-training; it never learns again.

    The companion itself cannot be the base: it moves, and the model would move with it.
    """

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.flow = copy.deepcopy(flow).requires_grad_(False)

    def take(self, flow: Flow) -> None:
        """Become a copy of the flow as it is now."""
        self.flow.load_state_dict(flow.state_dict())

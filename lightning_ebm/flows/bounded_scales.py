"""Affine couplings whose scales cannot run away."""

from __future__ import annotations

import normflows as nf
import torch
from torch import Tensor, nn


class BoundedScales(nn.Module):
    """A coupling's network with its log-scales squashed into ±bound by a tanh.

    normflows reads shifts from the even and log-scales from the odd outputs.

    Args:
        network: gives shifts and log-scales.
        bound: largest absolute log-scale.
    """

    def __init__(self, network: nn.Module, bound: float) -> None:
        super().__init__()
        self.network = network
        self.bound = bound

    def forward(self, x: Tensor) -> Tensor:
        """Shifts and bounded log-scales, interleaved along dimension 1."""
        outputs = self.network(x)
        scales = self.bound * torch.tanh(outputs[:, 1::2] / self.bound)
        return torch.stack([outputs[:, 0::2], scales], dim=2).flatten(1, 2)


def bound_scales(layers: list[nn.Module], bound: float = 2.0) -> None:
    """Bound the log-scales of every affine coupling among the layers.

    Without a bound an affine coupling blows up within some ten steps when its flow is trained on
    points that it has proposed itself, or is evaluated far from where it was trained.
    """
    for layer in layers:
        for module in list(layer.modules()):
            if isinstance(module, nf.flows.AffineCoupling):
                module.param_map = BoundedScales(module.param_map, bound)

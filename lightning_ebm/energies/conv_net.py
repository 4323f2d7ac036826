"""A convolutional energy for images."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from lightning_ebm.energies.energy import Energy
from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import require_shape, require_widths


class ConvNet(Energy):
    """Strided convolutions with SiLU and no normalisation, then one linear layer.

    Args:
        event_shape: channels, height and width of an image.
        widths: channels after each convolution; each halves the sides.
        zero_start: whether the last layer starts at zero, so that training starts from the base
            measure, whose log Z is known.
        bound: largest |E|, see `Energy`.
    """

    def __init__(
        self,
        event_shape: list[int],
        widths: list[int] | None = None,
        zero_start: bool = True,  # noqa: FBT001, FBT002 - a name in YAML
        bound: float | None = None,
    ) -> None:
        super().__init__(list(require_shape("event_shape", event_shape, axes=3)), bound)
        widths = require_widths("widths", [32, 64, 128] if widths is None else widths)
        if min(event_shape[1:]) < 2 ** len(widths):
            raise SettingError(
                f"widths is {widths}, but images of {event_shape[1]}x{event_shape[2]} cannot be "
                f"halved {len(widths)} times: give fewer"
            )
        channels = [event_shape[0], *widths]
        layers = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.SiLU()]
        self.features = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            features = self.features(torch.zeros(1, *event_shape)).shape[1]
        self.last = nn.Linear(features, 1)
        if zero_start:
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

    def energy(self, x: Tensor) -> Tensor:
        """Energies of standardised images."""
        values: Tensor = self.last(self.features(x))
        return values.squeeze(1)

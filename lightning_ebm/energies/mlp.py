"""A fully connected energy."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import Tensor, nn

from lightning_ebm.energies.energy import Energy
from lightning_ebm.ranges import require_widths


class MLP(Energy):
    """Fully connected layers with SiLU, smooth as Langevin needs.

    Args:
        event_shape: shape of one point, flattened inside.
        hidden: widths of the hidden layers.
        zero_start: whether the last layer starts at zero, so that training starts from the base
            measure, whose log Z is known.
        bound: largest |E|, see `Energy`.
    """

    def __init__(
        self,
        event_shape: list[int],
        hidden: list[int] | None = None,
        zero_start: bool = True,  # noqa: FBT001, FBT002 - a name in YAML
        bound: float | None = None,
    ) -> None:
        super().__init__(event_shape, bound)
        hidden = [128, 128, 128] if hidden is None else hidden
        widths = [prod(event_shape), *require_widths("hidden", hidden)]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.SiLU()]
        last = nn.Linear(widths[-1], 1)
        if zero_start:
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(*layers, last)

    def energy(self, x: Tensor) -> Tensor:
        """Energies of standardised points."""
        values: Tensor = self.layers(x)
        return values.squeeze(1)

"""An energy made of layers in a row, as YAML can write it."""

from __future__ import annotations

from torch import Tensor, nn

from lightning_ebm.energies.energy import Energy
from lightning_ebm.errors import SettingError


class Sequential(Energy):
    """Layers of torch one after the other, with standardised points before the first.

    `torch.nn.Sequential` takes its layers without names, which YAML has no way to write.

    Args:
        event_shape: shape of one point.
        layers: each a module; the last gives one number per point.
        bound: largest |E|, see `Energy`.

    Raises:
        SettingError: if there are no layers.
    """

    def __init__(
        self, event_shape: list[int], layers: list[nn.Module], bound: float | None = None
    ) -> None:
        super().__init__(event_shape, bound)
        if not layers:
            raise SettingError("layers is []: give at least one, e.g. torch.nn.Linear")
        self.layers = nn.Sequential(*layers)

    def energy(self, x: Tensor) -> Tensor:
        """Energies of standardised points."""
        values: Tensor = self.layers(x)
        return values.squeeze(1) if values.dim() == 2 and values.shape[1] == 1 else values

"""From stored values to the space a model lives in, and what that does to a likelihood."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator, Tensor

from lightning_ebm.transforms import (
    Compose,
    Dequantise,
    GaussianNoise,
    Transform,
    bits_per_dimension,
)


@dataclass(frozen=True)
class ModelSpace:
    """Dequantisation where values are levels, then an invertible map, then noise.

    Attributes:
        transform: the map, of levels that were spread over [0, 1], or of any numbers.
        noise: added last.
        levels: number of values that a coordinate can take, None where it is any number.
    """

    transform: Transform
    noise: GaussianNoise
    levels: int | None = None

    @property
    def is_random(self) -> bool:
        """Whether a value becomes another point each time."""
        return self.levels is not None or self.noise.scale > 0

    def prepared(self, values: Tensor) -> Tensor:
        """Values with all done to them that is done once: levels as they are, others mapped."""
        if self.levels is not None:
            return values
        return self.transform.forward(values.double()).float()

    def points(self, prepared: Tensor, generator: Generator | None = None) -> Tensor:
        """Points of the model's space, float32, with noise from `generator` or the global one."""
        if self.levels is not None:
            spread = Dequantise(self.levels).forward(prepared, generator)
            prepared = self.transform.forward(spread).float()
        return self.noise.forward(prepared, generator)

    def stored(self, x: Tensor) -> Tensor:
        """The stored values that points of the model's space stand for, levels or float64."""
        values = self.transform.inverse(x.double())
        return values if self.levels is None else Dequantise(self.levels).inverse(values)

    def bits_per_dimension(self, negative_log_prob: Tensor, x: Tensor) -> Tensor | None:
        """Bits `(n,)` per level of points with these -log p, a bound for the stored levels.

        None where values are no levels, or noise was added, since the density of noisy points
        says nothing of them.
        """
        if self.levels is None or self.noise.scale > 0:
            return None
        log_det = self.transform.log_det(self.transform.inverse(x))
        return bits_per_dimension(
            -negative_log_prob, log_det.to(negative_log_prob), x[0].numel(), self.levels
        )

    def nll_in_data_units(self, negative_log_prob: Tensor, x: Tensor) -> Tensor | None:
        """-log p `(n,)` in the units of the stored values, of points with these -log p.

        None where values are levels, of which bits are told, were not scaled, or got noise.
        """
        unscaled = isinstance(self.transform, Compose) and not self.transform.transforms
        if self.levels is not None or unscaled or self.noise.scale > 0:
            return None
        log_det = self.transform.log_det(self.transform.inverse(x))
        return negative_log_prob - log_det.to(negative_log_prob)

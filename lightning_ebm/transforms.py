"""From pixels to the space a model lives in, with what each step does to the density.

`Dequantise` and `GaussianNoise` add noise and so change the distribution itself; a `Transform` is
invertible and only moves it: log p(x) = log p(y) + log|dy/dx|.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor

from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import is_number, require_count, require_finite


def bits_per_dimension(
    log_prob: Tensor, log_det: Tensor, dimensions: int, levels: int = 256
) -> Tensor:
    """Bits `(n,)` a model needs per quantised value, -log p(x) / (D ln 2) + log₂ levels.

    Here x, in [0, 1], is the dequantised item, y = T(x) what the model sees, and
    log p(x) = log p(y) + log|dy/dx|. For a dequantised item it bounds the bits of the pixels.

    Source: Theis, van den Oord, Bethge 2016, arXiv:1511.01844, section 3.1.

    Args:
        log_prob: log p(y), the model's normalised log-density, `(n,)`.
        log_det: log|dy/dx|, `(n,)`.
        dimensions: number D of values in one item.
        levels: number of values a pixel can take.
    """
    return -(log_prob + log_det) / (dimensions * math.log(2)) + math.log2(levels)


class Transform(ABC):
    """An invertible map y = T(x) of items `(n, *event)`, value by value or otherwise.

    To implement one: write `forward`, `inverse` and `log_det`; the tests hold all transforms to
    the same laws.
    """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Map x to y, `(n, *event)` both."""

    @abstractmethod
    def inverse(self, y: Tensor) -> Tensor:
        """Map y back to x, `(n, *event)` both."""

    @abstractmethod
    def log_det(self, x: Tensor) -> Tensor:
        """Log-determinant log|dy/dx| at x, summed over the event, `(n,)`."""


class Scale(Transform):
    """Stretch [0, 1] to [low, high]: y = low + (high - low) x.

    Args:
        low: where 0 goes.
        high: where 1 goes.

    Raises:
        SettingError: if high is not above low.
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        if not (require_finite("low", low) < require_finite("high", high)):
            raise SettingError(f"high: {high} is not above low, {low}; raise it")
        self.low = low
        self.high = high

    def forward(self, x: Tensor) -> Tensor:
        """Map [0, 1] to [low, high]."""
        return self.low + (self.high - self.low) * x

    def inverse(self, y: Tensor) -> Tensor:
        """Map [low, high] to [0, 1]."""
        return (y - self.low) / (self.high - self.low)

    def log_det(self, x: Tensor) -> Tensor:
        """D log(high - low), the same for every item, `(n,)`."""
        return x.new_full((len(x),), x[0:1].numel() * math.log(self.high - self.low))


class Logit(Transform):
    """Open (0, 1) to the real line: y = logit(s) with s = margin + (1 - 2 margin) x.

    The margin keeps black and white at a finite y. The inverse of a y further out is outside
    [0, 1].

    Source: Dinh, Sohl-Dickstein, Bengio 2017, arXiv:1605.08803, section 4.1.

    Args:
        margin: how far from 0 and 1 the values are moved before the logit.

    Raises:
        SettingError: if margin is not in [0, 0.5).
    """

    def __init__(self, margin: float = 0.05) -> None:
        if not (is_number(margin) and 0 <= margin < 0.5):
            raise SettingError(f"margin: {margin} is out of range; give one in [0, 0.5)")
        self.margin = margin

    def forward(self, x: Tensor) -> Tensor:
        """Map [0, 1] to the real line."""
        return self._squeeze(x).logit()

    def inverse(self, y: Tensor) -> Tensor:
        """Map the real line to (0, 1) and a margin around it."""
        return (y.sigmoid() - self.margin) / (1 - 2 * self.margin)

    def log_det(self, x: Tensor) -> Tensor:
        """Sum of log(1 - 2 margin) - log s - log(1 - s), `(n,)`."""
        s = self._squeeze(x)
        return (math.log(1 - 2 * self.margin) - s.log() - (-s).log1p()).flatten(1).sum(dim=1)

    def _squeeze(self, x: Tensor) -> Tensor:
        return self.margin + (1 - 2 * self.margin) * x


class Compose(Transform):
    """Several transforms, one after the other.

    Args:
        transforms: the first is applied first.
    """

    def __init__(self, transforms: list[Transform]) -> None:
        self.transforms = transforms

    def forward(self, x: Tensor) -> Tensor:
        """Apply all, in order."""
        for transform in self.transforms:
            x = transform.forward(x)
        return x

    def inverse(self, y: Tensor) -> Tensor:
        """Undo all, in reverse order."""
        for transform in reversed(self.transforms):
            y = transform.inverse(y)
        return y

    def log_det(self, x: Tensor) -> Tensor:
        """Sum of the log-determinants, each where its transform is applied, `(n,)`."""
        total = x.new_zeros(len(x))
        for transform in self.transforms:
            total = total + transform.log_det(x)
            x = transform.forward(x)
        return total


class Dequantise:
    """Spread each integer level over its cell: x = (v + u) / levels, u uniform on (0, 1).

    No `Transform`, since u is random; the density of x integrates over a cell to the probability
    of its level, hence log₂ levels in `bits_per_dimension`.

    Args:
        levels: number of values a pixel can take, 0 to levels - 1.

    Raises:
        SettingError: if levels is not in 2 to 256.
    """

    def __init__(self, levels: int = 256) -> None:
        self.levels = require_count("levels", levels, least=2, most=256)

    def forward(self, v: Tensor, generator: Generator | None = None) -> Tensor:
        """Map integers v to x in (0, 1), float32; u is drawn from `generator` or globally."""
        # Midpoints of 2^15 cells: v + u then fits the 24 bits of a float32 exactly, so that
        # rounding never carries a value into the next level.
        steps = torch.randint(2**15, v.shape, generator=generator, dtype=torch.int32)
        u = (steps.to(v.device).float() + 0.5) / 2**15
        return (v + u) / self.levels

    def inverse(self, x: Tensor) -> Tensor:
        """Map x in [0, 1] to its level, uint8."""
        return (x * self.levels).floor().clamp(0, self.levels - 1).to(torch.uint8)


class GaussianNoise:
    """Add noise: y = x + scale · ε, ε standard normal.

    Not invertible: what is modelled from here on is the data density convolved with N(0, scale²),
    which no log-determinant can undo.

    Args:
        scale: standard deviation of the noise; 0 for none.

    Raises:
        SettingError: if scale is negative.
    """

    def __init__(self, scale: float) -> None:
        if not (is_number(scale) and 0 <= scale < math.inf):
            raise SettingError(f"noise: {scale} is no standard deviation; give 0 or more")
        self.scale = scale

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """Add noise from `generator` or the global one to x, of any shape."""
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return x + self.scale * noise.to(x.device)

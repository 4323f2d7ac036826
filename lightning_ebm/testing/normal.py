"""Independent normal coordinates of any shape: a target, a reference, and the base of a flow."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOG_TWO_PI = math.log(2 * math.pi)


class Normal:
    """Independent normal coordinates of any shape, in torch's default type.

    Args:
        event_shape: shape of a point.
        shift: mean of every coordinate.
        deviation: standard deviation, one for all or one for each coordinate.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        shift: float = 0.0,
        deviation: float | Tensor = 1.0,
    ) -> None:
        self.event_shape = event_shape
        self.shift = shift
        self.deviation = torch.as_tensor(deviation).expand(event_shape)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points with their log-densities."""
        noise = torch.randn(n, *self.event_shape)
        x = self.shift + self.deviation.to(noise) * noise
        return x, self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of points."""
        deviation = self.deviation.to(x)
        z = (x - self.shift) / deviation
        return -(z.square() / 2 + LOG_TWO_PI / 2 + deviation.log()).flatten(1).sum(1)

    def uniforms(self, x: Tensor) -> dict[str, Tensor]:
        """Functions of points `(draws, n, *event)` that are uniform on [0, 1] under the target."""
        z = ((x - self.shift) / self.deviation).flatten(2)
        d = z.shape[2]
        signs = torch.tensor([1.0, -1.0]).repeat(d)[:d]
        uniforms = {
            "the first coordinate": torch.special.ndtr(z[..., 0]),
            "the last coordinate": torch.special.ndtr(z[..., -1]),
            "the sum of coordinates": torch.special.ndtr(z.sum(2) / math.sqrt(d)),
            "their alternating sum": torch.special.ndtr(z @ signs / math.sqrt(d)),
            "the distance from the centre": chi_square(z),
        }
        return uniforms if d > 1 else {"the coordinate": uniforms["the first coordinate"]}


def uneven(event_shape: tuple[int, ...], scale: float = 1.0) -> Normal:
    """Independent normal coordinates with deviations from .7 to 1.4 times a scale."""
    deviations = torch.linspace(0.7, 1.4, math.prod(event_shape)).view(event_shape)
    return Normal(event_shape, deviation=scale * deviations)


def chi_square(z: Tensor) -> Tensor:
    """Distribution function of |z|², z standard normal `(..., d)`."""
    halves = z.double().square().sum(-1) / 2
    value: Tensor = torch.special.gammainc(torch.full_like(halves, z.shape[-1] / 2), halves)
    return value

"""Normalised densities with exact draws, each in a standard position: the shapes of all cases.

`compositions.py` moves, bends and mixes them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


class Density(ABC):
    """A normalised density on R^d that is known exactly, and its draws.

    Attributes:
        dimension: d.
    """

    dimension: int

    @abstractmethod
    def draw(self, n: int) -> Tensor:
        """Draw n independent points `(n, d)`."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density `(n,)` of the points `(n, d)`."""

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points with their log-densities, as a flow does."""
        x = self.draw(n)
        return x, self.log_prob(x)


class Normal(Density):
    """Independent standard normal coordinates."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension

    def draw(self, n: int) -> Tensor:
        return torch.randn(n, self.dimension)

    def log_prob(self, x: Tensor) -> Tensor:
        return -(x.square().sum(1) + self.dimension * LOG_2PI) / 2


class StudentT(Density):
    """The multivariate t distribution: a normal whose scale is random, so that tails are heavy.

    Args:
        dimension: d.
        freedom: degrees of freedom; the tail falls as |x|^-(freedom + d).
    """

    def __init__(self, dimension: int, freedom: float) -> None:
        self.dimension = dimension
        self.freedom = freedom
        self.log_scale = (
            math.lgamma((freedom + dimension) / 2)
            - math.lgamma(freedom / 2)
            - dimension / 2 * math.log(freedom * math.pi)
        )

    def draw(self, n: int) -> Tensor:
        half = torch.tensor(self.freedom / 2)
        chi_square = 2 * torch.distributions.Gamma(half, torch.tensor(1.0)).sample((n, 1))
        return torch.randn(n, self.dimension) * (self.freedom / chi_square).sqrt()

    def log_prob(self, x: Tensor) -> Tensor:
        power = (self.freedom + self.dimension) / 2
        return self.log_scale - power * torch.log1p(x.square().sum(1) / self.freedom)


class GeneralisedNormal(Density):
    """Independent coordinates with density ∝ exp(-|x|^β): β = 1 is Laplace, 8 nearly a box.

    Args:
        dimension: d.
        power: β.
    """

    def __init__(self, dimension: int, power: float) -> None:
        self.dimension = dimension
        self.power = power
        self.log_scale = dimension * (math.log(power / 2) - math.lgamma(1 / power))

    def draw(self, n: int) -> Tensor:
        gamma = torch.distributions.Gamma(torch.tensor(1 / self.power), torch.tensor(1.0))
        size = gamma.sample((n, self.dimension)) ** (1 / self.power)
        return size * (2 * torch.randint(2, size.shape) - 1)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.log_scale - x.abs().pow(self.power).sum(1)


class Ring(Density):
    """A ring in the first two coordinates, log-normal in its radius; the others are normal.

    Args:
        dimension: d, at least 2.
        width: standard deviation of the logarithm of the radius, whose median is 1.
    """

    def __init__(self, dimension: int, width: float) -> None:
        self.dimension = dimension
        self.width = width

    def draw(self, n: int) -> Tensor:
        radius = (self.width * torch.randn(n)).exp()
        angle = 2 * math.pi * torch.rand(n)
        plane = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
        return torch.cat([plane, torch.randn(n, self.dimension - 2)], 1)

    def log_prob(self, x: Tensor) -> Tensor:
        log_radius = x[:, :2].square().sum(1).clamp(min=1e-30).log() / 2
        normal = -(log_radius / self.width).square() / 2 - math.log(self.width) - LOG_2PI / 2
        # Area elements of log r and angle: r dr dφ = r² d(log r) dφ.
        plane = normal - 2 * log_radius - LOG_2PI
        return plane - (x[:, 2:].square().sum(1) + (self.dimension - 2) * LOG_2PI) / 2


class Funnel(Density):
    """Neal's funnel: the first coordinate v is the log-variance of all others.

    Args:
        dimension: d, at least 2.
        spread: standard deviation of v.

    Source: Neal 2003, Slice sampling, section 8.
    """

    def __init__(self, dimension: int, spread: float) -> None:
        self.dimension = dimension
        self.spread = spread

    def draw(self, n: int) -> Tensor:
        v = self.spread * torch.randn(n, 1)
        return torch.cat([v, (v / 2).exp() * torch.randn(n, self.dimension - 1)], 1)

    def log_prob(self, x: Tensor) -> Tensor:
        v, others = x[:, 0], x[:, 1:]
        mouth = -(v / self.spread).square() / 2 - math.log(self.spread) - LOG_2PI / 2
        inner = others.square().sum(1) * (-v).exp() + (self.dimension - 1) * (v + LOG_2PI)
        return mouth - inner / 2


class ProductOfMixtures(Density):
    """Independent coordinates, each a mixture of two normals at ±a: 2^d modes.

    Args:
        right: weights of the modes at +a, `(d,)`.
        place: a of each coordinate, `(d,)`.
        scale: standard deviation of each mode, `(d,)`.
    """

    def __init__(self, right: Tensor, place: Tensor, scale: Tensor) -> None:
        self.dimension = len(right)
        self.right, self.place, self.scale = right, place, scale

    def draw(self, n: int) -> Tensor:
        sign = 2.0 * (torch.rand(n, self.dimension) < self.right) - 1
        return sign * self.place + self.scale * torch.randn(n, self.dimension)

    def log_prob(self, x: Tensor) -> Tensor:
        sides = [
            weight.log() - ((x - centre) / self.scale).square() / 2
            for weight, centre in ((self.right, self.place), (1 - self.right, -self.place))
        ]
        return (torch.logaddexp(*sides) - self.scale.log() - LOG_2PI / 2).sum(1)

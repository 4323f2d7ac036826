"""Densities made of others, still normalised: moved, bent, mixed."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.trust_attack.densities import Density


class Moved(Density):
    """The image of a density under x = A z + b.

    Args:
        base: the density of z.
        matrix: A, `(d, d)`, invertible.
        shift: b, `(d,)`.
    """

    def __init__(self, base: Density, matrix: Tensor, shift: Tensor) -> None:
        self.base, self.matrix, self.shift = base, matrix, shift
        self.dimension = base.dimension
        self.inverse = matrix.double().inverse().to(matrix)
        self.log_det = float(matrix.double().slogdet().logabsdet)

    def draw(self, n: int) -> Tensor:
        return self.base.draw(n) @ self.matrix.T + self.shift

    def log_prob(self, x: Tensor) -> Tensor:
        return self.base.log_prob((x - self.shift) @ self.inverse.T) - self.log_det


class Sheared(Density):
    """A density bent to a banana: x₂ = z₂ + b (z₁² - a), which keeps volumes.

    Args:
        base: the density of z.
        bend: b.
        level: a.
    """

    def __init__(self, base: Density, bend: float, level: float) -> None:
        self.base, self.bend, self.level = base, bend, level
        self.dimension = base.dimension

    def draw(self, n: int) -> Tensor:
        return self._bent(self.base.draw(n), self.bend)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.base.log_prob(self._bent(x, -self.bend))

    def _bent(self, x: Tensor, bend: float) -> Tensor:
        second = x[:, 1] + bend * (x[:, 0].square() - self.level)
        return torch.cat([x[:, :1], second[:, None], x[:, 2:]], 1)


class Mixture(Density):
    """A weighted sum of densities.

    Args:
        weights: of the parts; they are normalised, and parts of weight 0 have no say.
        parts: the densities.
    """

    def __init__(self, weights: Tensor, parts: list[Density]) -> None:
        self.weights = weights / weights.sum()
        self.parts = parts
        self.dimension = parts[0].dimension

    def draw(self, n: int) -> Tensor:
        counts = self.weights.multinomial(n, replacement=True).bincount(minlength=len(self.parts))
        drawn = zip(self.parts, counts.tolist(), strict=True)
        points = [part.draw(count) for part, count in drawn if count]
        return torch.cat(points)[torch.randperm(n)]

    def log_prob(self, x: Tensor) -> Tensor:
        return self._log_parts(x).logsumexp(1)

    def nearest(self, x: Tensor) -> Tensor:
        """The part that has most of the density at each point, `(n,)`."""
        return self._log_parts(x).argmax(1)

    def _log_parts(self, x: Tensor) -> Tensor:
        columns = [
            weight.log() + part.log_prob(x)
            for weight, part in zip(self.weights, self.parts, strict=True)
        ]
        return torch.stack(columns, 1)

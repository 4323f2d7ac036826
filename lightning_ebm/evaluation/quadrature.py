"""Log-densities at many points, and the points of a grid."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]


def midpoints(low: float, high: float, resolution: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cell centres `(resolution², 2)` of a square, and the log of a cell's area."""
    side = (high - low) / resolution
    line = low + side * (torch.arange(resolution, dtype=torch.float64) + 0.5)
    points = torch.cartesian_prod(line, line).to(like)
    return points, 2 * torch.tensor(side, dtype=torch.float64, device=like.device).log()


@torch.no_grad()
def evaluate(log_density: LogDensity, points: Tensor, chunk: int = 1024) -> Tensor:
    """Log-densities `(n,)` in float64, a chunk at a time; NaN counts as no density.

    Chunks keep images within memory, and layers within a processor's caches, which is faster.
    """
    values = torch.cat([log_density(part).double() for part in points.split(chunk)])
    return torch.where(values.isnan(), torch.full_like(values, -torch.inf), values)

"""Cells that tile a part of the plane: rectangles, split into four where a density needs it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeVar

import numpy
import torch
from torch import Tensor

_NODES, _WEIGHTS = map(torch.from_numpy, numpy.polynomial.legendre.leggauss(4))
NODES = torch.cartesian_prod(_NODES + 1, _NODES + 1) / 2
"""Gauss-Legendre nodes of the unit square, `(16, 2)`: exact for polynomials of degree 7."""
LOG_WEIGHTS = torch.cartesian_prod(_WEIGHTS / 2, _WEIGHTS / 2).prod(1).log()
"""Log of the nodes' weights, `(16,)`; the weights sum to one."""
NODES_PER_CELL = len(NODES)
QUARTERS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)

Columns = TypeVar("Columns", bound=tuple[Any, ...])


class Cells(NamedTuple):
    """Rectangles that touch but do not overlap.

    Attributes:
        low: lowest corners `(n, 2)`.
        side: their sides `(n, 2)`.
    """

    low: Tensor
    side: Tensor

    def quarters(self) -> Cells:
        """Four cells for each, one after the other, `(4n, 2)`."""
        half = (self.side / 2).repeat_interleave(4, 0)
        place = QUARTERS.to(self.low).repeat(len(self.low), 1)
        return Cells(self.low.repeat_interleave(4, 0) + half * place, half)

    def nodes(self) -> tuple[Tensor, Tensor]:
        """Places `(n, 16, 2)` at which to evaluate, and logs of their weights `(n, 16)`."""
        points = self.low[:, None] + self.side[:, None] * NODES.to(self.low)
        return points, LOG_WEIGHTS.to(self.low) + self.side.log().sum(1, keepdim=True)

    def locate(self, points: Tensor) -> Tensor:
        """Number of the cell of each point `(m, 2)`, -1 for none, `(m,)`."""
        homes = []
        high = self.low + self.side
        for part in points.split(1024):
            inside = torch.ones(len(part), len(high), dtype=torch.bool, device=part.device)
            for low, top, x in zip(self.low.T, high.T, part.T, strict=True):
                inside &= (x[:, None] >= low) & (x[:, None] < top)
            home = torch.full((len(part),), -1, device=part.device)
            found = inside.nonzero()
            home[found[:, 0]] = found[:, 1]
            homes.append(home)
        return torch.cat(homes)

    def quarter_of(self, points: Tensor) -> Tensor:
        """Which quarter of its cell each point is in, cells and points `(n, 2)` in pairs."""
        upper = (points - self.low >= self.side / 2).long()
        return 2 * upper[:, 0] + upper[:, 1]


class Square(NamedTuple):
    """A square: its lowest coordinates `(2,)` and its side."""

    low: Tensor
    side: float

    def widened(self) -> Square:
        """The square of twice the side about the same centre."""
        return Square(self.low - self.side / 2, 2 * self.side)

    def frame(self) -> Cells:
        """The twelve cells between this square and the widened one."""
        half = self.side / 2
        steps = torch.arange(4, dtype=torch.float64, device=self.low.device)
        places = torch.cartesian_prod(steps, steps)
        outer = ((places == 0) | (places == 3)).any(1)
        low = self.low - half + half * places[outer]
        return Cells(low, torch.full_like(low, half))

    @classmethod
    def around(cls, boxes: Tensor) -> Square:
        """The smallest square that holds all boxes `(K, 2, 2)` in its middle."""
        low, high = boxes[:, 0].amin(0), boxes[:, 1].amax(0)
        side = (high - low).max()
        return cls((low + high - side) / 2, float(side))


def cover(square: Square, boxes: Tensor, per_side: int) -> Cells:
    """Cells that tile a square, finer at boxes.

    Their sides follow those of the boxes where these are not too near, so that a density that
    ends there ends between cells. A cell that meets a box is split until it is at most a third
    of it, so that no component falls between the nodes.

    Args:
        square: what to tile.
        boxes: lowest and highest corners of boxes within it, `(K, 2, 2)`.
        per_side: least number of cells along a side.
    """
    unit = square.side / per_side
    lines = [_lines(float(square.low[i]), square.side, boxes[:, :, i], unit) for i in (0, 1)]
    low = torch.cartesian_prod(*(line[:-1] for line in lines)).to(boxes)
    cells = Cells(low, torch.cartesian_prod(*(line.diff() for line in lines)).to(boxes))
    for box_low, box_high in boxes:
        limit = (box_high - box_low).min() / 3
        while True:
            meets = (cells.low < box_high) & (cells.low + cells.side > box_low)
            split = meets.all(1) & (cells.side.amax(1) > 1.001 * limit)
            if not split.any():
                break
            cells = join(choose(cells, ~split), choose(cells, split).quarters())
    return cells


def choose(columns: Columns, rows: Tensor) -> Columns:
    """The chosen rows of a named tuple of tensors that have a row for each cell."""
    return type(columns)(*(column[rows] for column in columns))


def join(first: Columns, second: Columns) -> Columns:
    """The rows of both, in order."""
    return type(first)(*(torch.cat(pair) for pair in zip(first, second, strict=True)))


def _lines(low: float, side: float, edges: Tensor, unit: float) -> Tensor:
    """Increasing ends of intervals between `unit / 2` and `unit` long, some of them at edges."""
    kept, high = [low], low + side
    for edge in edges.flatten().sort().values.tolist():
        if edge - kept[-1] >= unit / 2 and high - edge >= unit / 2:
            kept.append(edge)
    lines = []
    for start, stop in zip(kept, [*kept[1:], high], strict=True):
        n = max(1, math.ceil((stop - start) / unit - 1e-9))
        lines.append(torch.linspace(start, stop, n + 1, dtype=torch.float64)[:-1])
    return torch.cat([*lines, torch.tensor([high], dtype=torch.float64)])

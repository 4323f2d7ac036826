"""Items as they are stored, and as training sees them, with fresh noise each time."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from lightning_ebm.data.loading import SizedDataset
from lightning_ebm.data.model_space import ModelSpace


class Stored(NamedTuple):
    """Items as they are stored.

    Attributes:
        values: numbers, or integer levels, `(n, *event)`.
        labels: class of each, int64 `(n,)`; None where there are no classes.
    """

    values: Tensor
    labels: Tensor | None = None


def subset(stored: Stored, items: Tensor) -> Stored:
    """Some of the items, by their places `(k,)`."""
    return Stored(stored.values[items], None if stored.labels is None else stored.labels[items])


class FreshItems(SizedDataset):
    """Items that get new noise from the global generator whenever they are looked at.

    In training that is seeded for each batch, by `ResumableLoader`.
    """

    def __init__(self, items: Stored, space: ModelSpace) -> None:
        self.items = items
        self.space = space

    def __len__(self) -> int:
        return len(self.items.values)

    def __getitem__(self, index: int | list[int]) -> Tensor | tuple[Tensor, Tensor]:
        points = self.space.points(self.items.values[index])
        return points if self.items.labels is None else (points, self.items.labels[index])

    __getitems__ = __getitem__

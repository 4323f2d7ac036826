"""A function of many points computed part by part, so that its memory does not grow with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

Values = TypeVar("Values", Tensor, tuple[Tensor, ...])


def in_chunks(function: Callable[[Tensor], Values], x: Tensor, size: int | None) -> Values:
    """`function(x)`, of at most `size` points at a time; None is all at once.

    The same within rounding for a function of one point at a time that draws no random numbers.

    Args:
        function: maps points `(n, *event)` to a tensor `(n, ...)` or a tuple of them.
        x: the points.
        size: how many at most.
    """
    if size is None or len(x) <= size:
        return function(x)
    parts = [function(part) for part in x.split(size)]
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))

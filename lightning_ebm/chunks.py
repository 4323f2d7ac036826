"""A function of many points computed part by part, so that its memory does not grow with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

Values = TypeVar("Values", Tensor, tuple[Tensor, ...])


def in_chunks(function: Callable[[Tensor], Values], x: Tensor, size: int | None) -> Values:
    """`function(x)`, of at most `size` points at a time; None is all at once.

    The same within rounding for a function of one point at a time that draws no random numbers;
    what it gives has no graph.

    Args:
        function: maps points `(n, *event)` to a tensor `(n, ...)` or a tuple of them.
        x: the points.
        size: how many at most.
    """
    if size is None or len(x) <= size:
        return function(x)
    whole: tuple[Tensor, ...] = ()
    for first in range(0, len(x), size):
        here = slice(first, first + size)
        found = function(x[here])
        parts = (found,) if isinstance(found, Tensor) else found
        if not whole:
            # Values kept apart from one another would leave holes in memory too small for the
            # next part.
            whole = tuple(part.new_empty(len(x), *part.shape[1:]) for part in parts)
        for all_of_them, part in zip(whole, parts, strict=True):
            all_of_them[here] = part
    return whole[0] if isinstance(found, Tensor) else whole

"""The numbers that a setting may be: each check refuses others by key, value and remedy."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import SupportsIndex, TypeGuard, overload

from lightning_ebm.errors import SettingError

MOST = 10**9
"""What no count exceeds: more is a slip of the keyboard, and would end in memory or in years."""
WIDEST = 2**16
"""The most units of a layer, bins of a spline or modes of a base."""
DEEPEST = 1000
"""The most layers, blocks or levels of a network."""


def is_number(value: object) -> TypeGuard[float]:
    """Whether a setting is a number at all, so that it can be compared: NaN is one."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@overload
def require_count(
    key: str, value: int | None, least: int = 1, most: int = MOST, *, null: None = None
) -> int: ...


@overload
def require_count(
    key: str, value: int | None, least: int = 1, most: int = MOST, *, null: str
) -> int | None: ...


def require_count(
    key: str, value: int | None, least: int = 1, most: int = MOST, *, null: str | None = None
) -> int | None:
    """A whole number from `least` to `most`.

    Args:
        key: the setting's name.
        value: what it was given.
        least: the smallest that works.
        most: the largest that makes sense.
        null: what None means, where it is allowed.

    Raises:
        SettingError: if it is none.
    """
    if value is None and null is not None:
        return None
    if not _is_whole(value):
        raise SettingError(f"{key} is {value}: give a whole number of at least {least}{_or(null)}")
    if value < least:
        bound = "must not be negative" if least == 0 else f"must be at least {least}"
        raise SettingError(f"{key} is {value}: it {bound}{_or(null)}")
    if value > most:
        raise SettingError(f"{key} is {value}: more than can be; give at most {most}{_or(null)}")
    return int(value)


@overload
def require_positive(key: str, value: float | None, *, null: None = None) -> float: ...


@overload
def require_positive(key: str, value: float | None, *, null: str) -> float | None: ...


def require_positive(key: str, value: float | None, *, null: str | None = None) -> float | None:
    """A finite number above 0, or None where `null` says what that means.

    Raises:
        SettingError: if it is none.
    """
    if value is None and null is not None:
        return None
    if not (is_number(value) and 0 < value < math.inf):
        raise SettingError(f"{key} is {value}: it must be positive and finite{_or(null)}")
    return value


def require_not_negative(key: str, value: float) -> float:
    """A finite number of at least 0.

    Raises:
        SettingError: if it is none.
    """
    if not (is_number(value) and 0 <= value < math.inf):
        raise SettingError(f"{key} is {value}: it must not be negative, and finite")
    return value


def require_finite(key: str, value: float) -> float:
    """A finite number.

    Raises:
        SettingError: if it is none.
    """
    if not (is_number(value) and math.isfinite(value)):
        raise SettingError(f"{key} is {value}: give a finite number")
    return value


def require_shape(key: str, shape: Sequence[int], axes: int | None = None) -> tuple[int, ...]:
    """The shape of a point: whole numbers of at least 1, at least one of them.

    Args:
        key: the setting's name.
        shape: what it was given.
        axes: how many there must be.

    Raises:
        SettingError: if it is none.
    """
    example = "[1, 28, 28]" if axes == 3 else "[2] or [1, 28, 28]"
    sizes = list(shape) if isinstance(shape, Iterable) else []
    sound = len(sizes) > 0 and all(_is_whole(size) and 0 < size <= MOST for size in sizes)
    if not sound or (axes is not None and len(sizes) != axes) or math.prod(sizes) > MOST:
        number = "" if axes is None else f"{axes} "
        raise SettingError(
            f"{key} is {sizes or shape}: give the {number}sizes of one point, e.g. {example}"
        )
    return tuple(shape)


def require_widths(key: str, widths: Sequence[int]) -> list[int]:
    """Widths of layers, each from 1 to `WIDEST`.

    Raises:
        SettingError: if one is not, or there are too many.
    """
    if len(widths) > DEEPEST:
        raise SettingError(f"{key} has {len(widths)} layers: give at most {DEEPEST}")
    for width in widths:
        if not (_is_whole(width) and 1 <= width <= WIDEST):
            raise SettingError(
                f"{key} is {list(widths)}: each width is a whole number from 1 to {WIDEST}"
            )
    return list(widths)


def _is_whole(value: object) -> TypeGuard[int]:
    if not isinstance(value, SupportsIndex):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


def _or(null: str | None) -> str:
    return "" if null is None else f", or null for {null}"

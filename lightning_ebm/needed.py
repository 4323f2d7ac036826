"""What may be None, for code that comes only once it is there."""

from __future__ import annotations

from typing import TypeVar

Value = TypeVar("Value")


def needed(value: Value | None) -> Value:
    """The value itself.

    Raises:
        LookupError: if it is None, as it never is where the caller is right.
    """
    if value is None:
        raise LookupError("what is needed here is None: it was not made, or not asked for")
    return value

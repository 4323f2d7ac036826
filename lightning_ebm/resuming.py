"""Settings of a checkpoint against those of now: compared as plain data, and said in one line.

A state is saved beside the settings that it began under. Where these are still the same the state
goes on; where they are others the new ones are in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

CONFIGURED = "configured"
"""Where a state keeps the settings that it began under."""


def plain(value: Any) -> Any:  # noqa: ANN401 - any setting
    """A setting as plain data, which any checkpoint loads and which can be compared."""
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return class_name(value if callable(value) and hasattr(value, "__qualname__") else type(value))


def class_name(kind: Any) -> str:  # noqa: ANN401 - a class or a function
    """The full name of a class or function."""
    return f"{kind.__module__}.{kind.__qualname__}"


def differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The keys of both whose settings are not the same."""
    return [key for key, value in now.items() if key in then and plain(then[key]) != plain(value)]


def in_place_of(owner: str, now: Any, then: Any) -> str:  # noqa: ANN401 - any setting
    """A clause on one setting that is another than the checkpoint's."""
    return f"{owner} {_shown(now)} in place of the checkpoint's {_shown(then)}"


def say(clauses: Iterable[str]) -> None:
    """Say, on rank 0, what a resumed run does otherwise than its checkpoint, a line each."""
    for clause in dict.fromkeys(clauses):
        rank_zero_info(f"resumed with {clause}")


def _shown(value: Any) -> str:  # noqa: ANN401 - any setting
    return "null" if value is None else str(plain(value))

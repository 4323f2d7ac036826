"""What each registered sampler is for, in a line, at the least cost."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

from lightning_ebm.registry import origin, points, registered, registered_names

OWN = "lightning-ebm"


@dataclass(frozen=True)
class Summary:
    """One registered name.

    Attributes:
        name: the short name used in YAML.
        distribution: that registers it, and its version.
        purpose: the first line of the class's docstring; empty if it has none.
        error: why it cannot be used, in a line, or None.
    """

    name: str
    distribution: str
    purpose: str
    error: str | None


def summaries() -> list[Summary]:
    """All registered samplers, by name.

    This library's own are read from their source, which spares the import of torch. Those of
    others are loaded: only so is it seen whether they can be.
    """
    return [summary for name in registered_names() for summary in _summaries(name)]


def _summaries(name: str) -> list[Summary]:
    found = points(name)
    if len(found) == 1 and found[0].dist is not None and found[0].dist.name == OWN:
        purpose = _read(found[0])
        if purpose is not None:
            return [Summary(name, origin(found[0]), purpose, None)]
    return [
        Summary(
            name,
            entry.distribution,
            first_line(entry.sampler.__doc__ if entry.sampler else None),
            None if entry.error is None else " ".join(entry.error.split()),
        )
        for entry in registered(name)
    ]


def first_line(docstring: str | None) -> str:
    """The first line of a docstring; empty if there is none."""
    return (docstring or "").strip().partition("\n")[0]


def _read(point: EntryPoint) -> str | None:
    """The purpose as the source says it; None if the class is not to be found there."""
    spec = find_spec(point.module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == point.attr:
            return first_line(ast.get_docstring(node))
    return None

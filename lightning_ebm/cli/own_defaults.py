"""A class that a later source names takes its own defaults, and what is left behind is said.

jsonargparse hands to a class that replaces another all settings of the same name, as if a step
size of one sampler were one of any other.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pydoc import locate
from typing import Any, NamedTuple

from jsonargparse import Namespace, _typehints

from lightning_ebm.registry import implementation

DISCARD = "discard_init_args_on_class_path_change"
"""What jsonargparse calls, with a class's settings, where another replaces it."""


class Replaced(NamedTuple):
    """A class that another took the place of, and the settings that went with it.

    Attributes:
        before: path of the class that was replaced.
        now: path of the class that replaced it.
        settings: what had been said to the former.
    """

    before: str
    now: str
    settings: dict[str, Any]


@contextmanager
def own_defaults() -> Iterator[list[Replaced]]:
    """While it lasts, of a replaced class's settings only those stay that have no default now.

    Yields:
        What was replaced, as that happens.
    """
    replaced: list[Replaced] = []
    discard_unknown = getattr(_typehints, DISCARD)

    def discard(owner: object, previous: Namespace | None, value: Namespace) -> None:
        if not previous or not previous.get("init_args"):
            return
        before, now = previous["class_path"], value["class_path"]
        if _class(before) is _class(now):
            return
        own, needed = previous["init_args"], _without_default(now)
        left = {key: own.pop(key) for key in list(vars(own)) if key not in needed}
        replaced.append(Replaced(before, now, left))
        discard_unknown(owner, previous, value)

    setattr(_typehints, DISCARD, discard)
    try:
        yield replaced
    finally:
        setattr(_typehints, DISCARD, discard_unknown)


def left_behind(replaced: list[Replaced], config: Namespace) -> list[str]:
    """A sentence for each class of the settings whose predecessor had settings of its own.

    Args:
        replaced: while these settings were parsed.
        config: the settings.
    """
    sentences = {}
    for before, now, settings in replaced:
        places = [key for key, part in _parts(config) if part["class_path"] == now]
        defaults = _defaults(before)
        said = {k: _listed(v) for k, v in Namespace(settings).as_dict().items()}
        chosen = [f"{k} {_written(v)}" for k, v in said.items() if v != defaults.get(k)]
        if places and chosen:
            sentences[before, now, *chosen] = (
                f"{' or '.join(places)} is {_name(now)}, with its own defaults; "
                f"of {_name(before)} are left behind: {', '.join(chosen)}"
            )
    return list(sentences.values())


def _class(path: str) -> object:
    found = locate(path)
    return implementation(found) if isinstance(found, type) else found or path


def _without_default(path: str) -> set[str]:
    return {p.name for p in _parameters(path)} - _defaults(path).keys()


def _defaults(path: str) -> dict[str, Any]:
    given = (p for p in _parameters(path) if p.default is not inspect.Parameter.empty)
    return {p.name: _listed(p.default) for p in given}


def _parameters(path: str) -> Iterable[inspect.Parameter]:
    found = locate(path)
    return inspect.signature(found).parameters.values() if callable(found) else ()


def _listed(value: object) -> object:
    """A value as YAML has it, which knows no tuples."""
    return list(value) if isinstance(value, tuple) else value


def _parts(config: Namespace, prefix: str = "") -> Iterator[tuple[str, Namespace]]:
    """Everything that has a class, with its key."""
    for key, value in vars(config).items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Namespace):
                if "class_path" in part:
                    yield prefix + key, part
                yield from _parts(part, f"{prefix}{key}.")


def _written(value: object) -> str:
    """A value as it can stand in YAML; of an object its class."""
    if isinstance(value, dict) and "class_path" in value:
        return _name(value["class_path"])
    return json.dumps(value, default=str)


def _name(path: str) -> str:
    return path.rpartition(".")[2]

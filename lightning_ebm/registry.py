"""The registry of samplers: entry points of the group `lightning_ebm.samplers`, nothing else."""

from __future__ import annotations

import difflib
import keyword
import sys
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from lightning_ebm.errors import SettingError

if TYPE_CHECKING:
    from lightning_ebm.sampler import Sampler

GROUP = "lightning_ebm.samplers"
NAMES = "lightning_ebm.plugins"
"""The module whose names are registered samplers."""


@dataclass(frozen=True)
class Entry:
    """One registered name.

    Attributes:
        name: the short name used in YAML.
        target: `module:class` that the entry point names.
        distribution: the installed distribution that registers it, and its version.
        sampler: the class, or None if it could not be loaded.
        error: why it could not be loaded or must not be used, or None.
    """

    name: str
    target: str
    distribution: str
    sampler: type[Sampler] | None
    error: str | None


def registered(name: str | None = None) -> list[Entry]:
    """Registered samplers, by name; one that fails to load is recorded, not raised.

    A name taken twice is an error of both entries, which names the two distributions.

    Args:
        name: the only one that is looked for and loaded; by default all are.
    """
    found = points(name)
    owners: dict[str, list[str]] = {point.name: [] for point in found}
    for point in found:
        owners[point.name].append(origin(point))
    taken = Counter(point.name for point in found)
    return [_load(point, owners[point.name] if taken[point.name] > 1 else []) for point in found]


def registered_names() -> list[str]:
    """Every registered name, in order, by the distributions' metadata: no code of theirs runs."""
    return sorted({point.name for point in points()})


def names_by_word() -> dict[str, str]:
    """The registered name that a word means, itself or its class's name; no code runs."""
    found = points()
    return {point.attr: point.name for point in found} | {p.name: p.name for p in found}


def find(name: str) -> type[Sampler]:
    """The sampler class registered under a name.

    Raises:
        SettingError: if the name is unknown, taken twice, or its plug-in cannot be loaded.
    """
    if not isinstance(name, str):
        raise SettingError(f"a sampler's name is {name!r}: give one that is a word, e.g. 'mala'")
    entries = registered(name)
    if not entries:
        raise SettingError(unknown_name(name))
    sampler, error = entries[0].sampler, entries[0].error
    if error is not None or sampler is None:
        raise SettingError(f"sampler '{name}' cannot be used: {error}")
    return sampler


def named(name: str) -> type[Sampler] | None:
    """The class of a registered name, called by that name; None if there is none to be used.

    From then on the name can stand in YAML.
    """
    if name not in _named:
        try:
            found = find(name)
        except SettingError:
            return None
        if found.__name__ != name:
            place = {"__module__": NAMES, "__doc__": found.__doc__}
            found = type(name, (found,), place)
        _named[name] = found
    return _named[name]


_named: dict[str, type[Sampler]] = {}


def implementation(found: type) -> type:
    """The class itself, of one that is called by its registered name."""
    return found.__mro__[1] if found.__module__ == NAMES else found


def unknown_name(name: str) -> str:
    """The sentence for a name that nothing registers."""
    names = registered_names()
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"no sampler is called '{name}'{hint}: choose one of {', '.join(names)}"


def can_be_named(name: str) -> bool:
    """Whether a class can have a name."""
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")


def points(name: str | None = None) -> list[EntryPoint]:
    """The entry points, or those of one name, in order; no code runs."""
    return [point for point in _installed(_places()) if name in (None, point.name)]


def origin(point: EntryPoint) -> str:
    """The distribution that registers an entry point, and its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


@lru_cache(maxsize=1)
def _installed(places: tuple[tuple[str, int], ...]) -> list[EntryPoint]:
    """All entry points, in order: a command that is parsed asks for them dozens of times."""
    return sorted(set(entry_points(group=GROUP)), key=lambda point: (point.name, origin(point)))


def _places() -> tuple[tuple[str, int], ...]:
    """Where distributions are looked for, and when something was last installed there, in ns."""
    return tuple(
        (place, Path(place).stat().st_mtime_ns) for place in sys.path if Path(place).exists()
    )


def _load(point: EntryPoint, owners: list[str]) -> Entry:
    sampler, error = None, None
    if owners:
        error = f"the name is registered by {' and by '.join(owners)}: uninstall or rename one"
    elif not can_be_named(point.name):
        error = (
            f"the name that {origin(point)} registers is none that a class can have: rename the "
            "entry point to letters, digits and underscores after a letter, e.g. my_sampler"
        )
    else:
        # A plug-in is anybody's code: whatever it raises is its own failure, to be shown, and one
        # that exits must not end the command.
        try:
            sampler = point.load()
        except (Exception, SystemExit) as failure:
            error = f"{point.value} of {origin(point)}: {type(failure).__name__}: {failure}"
        else:
            # Names are looked up without torch, which is imported with the first class.
            from lightning_ebm.sampler import Sampler

            if not (isinstance(sampler, type) and issubclass(sampler, Sampler)):
                error = f"{point.value} of {origin(point)} is not a lightning_ebm.Sampler class"
                sampler = None
    return Entry(point.name, point.value, origin(point), sampler, error)

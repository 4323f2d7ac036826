"""The registry of samplers: entry points of the group `lightning_ebm.samplers`, nothing else."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from lightning_ebm.errors import SettingError
from lightning_ebm.sampler import Sampler

GROUP = "lightning_ebm.samplers"


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


def registered() -> list[Entry]:
    """Every registered sampler, by name; one that fails to load is recorded, not raised.

    A name taken twice is an error of both entries, which names the two distributions.
    """
    found = sorted(set(_entry_points()), key=lambda point: (point.name, _origin(point)))
    owners = {point.name: [] for point in found}
    for point in found:
        owners[point.name].append(_origin(point))
    taken = Counter(point.name for point in found)
    return [_load(point, owners[point.name] if taken[point.name] > 1 else []) for point in found]


def find(name: str) -> type[Sampler]:
    """The sampler class registered under a name.

    Raises:
        SettingError: if the name is unknown, taken twice, or its plug-in cannot be loaded.
    """
    entries = [entry for entry in registered() if entry.name == name]
    if not entries:
        raise SettingError(unknown_name(name))
    if entries[0].error is not None:
        raise SettingError(f"sampler '{name}' cannot be used: {entries[0].error}")
    return entries[0].sampler


def unknown_name(name: str) -> str:
    """The sentence for a name that nothing registers."""
    names = sorted({point.name for point in _entry_points()})
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"no sampler is called '{name}'{hint}: choose one of {', '.join(names)}"


def _entry_points() -> list[EntryPoint]:
    return list(entry_points(group=GROUP))


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


def _load(point: EntryPoint, owners: list[str]) -> Entry:
    sampler, error = None, None
    if owners:
        error = f"the name is registered by {' and by '.join(owners)}: uninstall or rename one"
    else:
        # A plug-in is anybody's code: whatever it raises is its own failure, to be shown.
        try:
            sampler = point.load()
        except Exception as failure:
            error = f"{point.value} of {_origin(point)}: {type(failure).__name__}: {failure}"
        else:
            if not (isinstance(sampler, type) and issubclass(sampler, Sampler)):
                error = f"{point.value} of {_origin(point)} is not a lightning_ebm.Sampler class"
                sampler = None
    return Entry(point.name, point.value, _origin(point), sampler, error)

"""What was chosen for a run, as a flat table in which runs can be compared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from lightning_ebm.module.rehearsal import stand_ins
from lightning_ebm.random_state import said_seed

PARTS = ("sampler", "energy", "flow")
NUMBERS = (
    "base",
    "base_widening",
    "temperature",
    "n_chains",
    "difference_penalty",
    "magnitude_penalty",
    "gradient_penalty",
    "energy_clip",
    "flow_clip",
    "energy_average",
    "flow_pretraining",
    "flow_updates",
)
"""Settings of the model that are numbers or words, but for those of how it is looked at."""

Plain = bool | int | float | str


def chosen(
    settings: Mapping[str, Any],
    parts: Mapping[str, nn.Module | None],
    optimizers: Mapping[str, Callable[..., Optimizer]],
) -> dict[str, Plain]:
    """Classes and settings of the parts, learning rates, what the energy tilts, the seed.

    Args:
        settings: of the module, as it keeps them; a part is plain data or left out.
        parts: sampler, energy and flow, of which those left out are described by themselves.
        optimizers: recipes by network.
    """
    found: dict[str, Plain] = {}
    for role in PARTS:
        described = settings.get(role, parts[role])
        found |= dict(_described(role, described))
    for network, recipe in optimizers.items():
        part = parts[network]
        if part is not None and (parameters := stand_ins(part)):
            found[f"{network}/learning_rate"] = float(recipe(parameters).param_groups[0]["lr"])
    said = {name: settings[name] for name in NUMBERS if settings.get(name) is not None}
    found |= {name: _plain(value) for name, value in said.items()}
    seed = said_seed()
    return found if seed is None else found | {"seed": seed}


def _described(role: str, part: object) -> Iterator[tuple[str, Plain]]:
    """Name of a part's class, and each of its settings."""
    if not isinstance(part, Mapping):
        part = _of_object(part)
    yield role, part["class_path"].rpartition(".")[2]
    for name, value in part.get("init_args", {}).items():
        if isinstance(value, Mapping) and "class_path" in value:
            yield from _described(f"{role}/{name}", value)
        elif value is not None:
            yield f"{role}/{name}", _plain(value)


def _of_object(part: object) -> dict[str, Any]:
    """What an object says of itself: those arguments of its constructor that it has kept."""
    if part is None:
        return {"class_path": "none"}
    kept = {name: getattr(part, name, None) for name in inspect.signature(type(part)).parameters}
    plain = {name: v for name, v in kept.items() if isinstance(v, (bool, int, float, str, tuple))}
    return {"class_path": type(part).__name__, "init_args": plain}


def _plain(value: object) -> Plain:
    return value if isinstance(value, (bool, int, float, str)) else str(value)

"""What each process keeps for itself in a checkpoint: its chains, its random state, its gradients.

Lightning saves the module of rank 0 and no random state. Here the parts that differ between
processes are gathered when a checkpoint is written, and each process takes its own back; where
there are other many processes, what the parts keep is dealt out anew.
"""

from __future__ import annotations

from typing import Any

from lightning.pytorch.utilities import rank_zero_warn
from torch import nn

from lightning_ebm.processes import count, gathered
from lightning_ebm.resuming import class_name
from lightning_ebm.starts import Bank

KEY = "lightning_ebm"
PREFIX = "sampler."
EXTRA = "_extra_state"


def pack(
    checkpoint: dict[str, Any],
    sampler: nn.Module,
    own: dict[str, Any],
    shared: dict[str, Any] | None = None,
) -> None:
    """Move the sampler out of rank 0's weights and into a list with one entry per process.

    Args:
        checkpoint: Lightning's.
        sampler: has chains.
        own: what else differs between processes.
        shared: what is the same in all, if there is anything.
    """
    weights = checkpoint["state_dict"]
    for key in [key for key in weights if key.startswith(PREFIX)]:
        del weights[key]
    checkpoint[KEY] = (shared or {}) | {
        "sampler_class": type(sampler).__qualname__,
        "parts": {path: class_name(type(part)) for path, part in sampler.named_modules()},
        "processes": gathered(own | {"sampler": sampler.state_dict()}),
    }


def shared_state(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What is the same in all processes."""
    shared: dict[str, Any] = checkpoint.get(KEY, {})
    return shared


def unpack(
    checkpoint: dict[str, Any], sampler: nn.Module, rank: int, world_size: int | None = None
) -> dict[str, Any]:
    """Put a process's sampler back among the weights to load; return what else is its own.

    A sampler of another class than the checkpoint's begins anew; on other many processes its
    chains are dealt out. Rank 0 says so, for all.

    Args:
        checkpoint: as it was loaded; changed in place.
        sampler: of the resumed run, new.
        rank: of this process.
        world_size: number of processes; by default those that there are.

    Returns:
        What was packed as its own; empty for a process that the checkpoint does not know.
    """
    weights = checkpoint["state_dict"]
    weights.update({PREFIX + key: value for key, value in sampler.state_dict().items()})
    saved = checkpoint.get(KEY)
    if saved is None:
        return {}
    processes = saved["processes"]
    if saved["sampler_class"] != type(sampler).__qualname__:
        rank_zero_warn(
            f"the checkpoint's chains are of sampler {saved['sampler_class']}; "
            f"{type(sampler).__qualname__} begins new ones"
        )
        return {}
    world_size = max(count(), rank + 1) if world_size is None else world_size
    states = [process["sampler"] for process in processes]
    mine = _own(sampler, states, saved.get("parts"), rank, world_size)
    weights.update({PREFIX + key: value for key, value in mine.items()})
    _say_dealing(sampler, states, world_size)
    return processes[rank] if rank < len(processes) else {}


def _own(
    sampler: nn.Module,
    states: list[dict[str, Any]],
    classes: dict[str, str] | None,
    rank: int,
    world_size: int,
) -> dict[str, Any]:
    """What of the sampler's state a process takes up; what is missing begins anew."""
    parts = dict(sampler.named_modules())
    own, known = {}, set()
    for key in sampler.state_dict():
        path, _, name = key.rpartition(".")
        part = parts[path]
        same = classes is None or classes.get(path) == class_name(type(part))
        if not same or any(key not in state for state in states):
            continue
        known.add(path)
        values = [state[key] for state in states]
        deal = getattr(part, "deal", None) if name == EXTRA else None
        if len(states) == world_size or deal is None:
            own[key] = values[rank % len(states)]
        elif (dealt := deal(values, rank, world_size)) is not None:
            own[key] = dealt
    given_up = sorted({key.rpartition(".")[0] for key in states[0]} - known)
    if given_up:
        rank_zero_warn(
            f"what the checkpoint kept of {', '.join(PREFIX + path for path in given_up)} is "
            "given up: the sampler as configured has no such part"
        )
    return own


def _say_dealing(sampler: nn.Module, states: list[dict[str, Any]], world_size: int) -> None:
    if len(states) == world_size:
        return
    before = f"{len(states)} process" + ("es" if len(states) > 1 else "")
    rank_zero_warn(
        f"the checkpoint's chains are of {before}, and are dealt out to {world_size}; where a "
        "draw needs more of them than a process has, new ones begin"
    )
    keep_own = [
        f"{type(part).__qualname__} at {PREFIX}{path}"
        for path, part in sampler.named_modules()
        if f"{path}.{EXTRA}".lstrip(".") in states[0]
        and getattr(type(part), "deal", None) is Bank.deal
    ]
    if keep_own and world_size < len(states):
        rank_zero_warn(
            f"chains of processes {world_size} to {len(states) - 1} are lost that are kept by "
            f"{', '.join(keep_own)}: it does not say how to deal them out (Bank.deal)"
        )

"""Whether the weights in a checkpoint are those of a module: what was trained keeps its shape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from lightning_ebm.errors import SettingError

SETTINGS = {
    "energy": "model.energy",
    "flow": "model.flow",
    "average": "model.energy_average",
    "frozen_flow": "model.base",
}
"""The networks of a module, and the settings that decide of their weights."""


def require_shapes(
    saved: Mapping[str, Any], module: nn.Module, *, strict: bool = True, path: str | Path = ""
) -> None:
    """Raise `SettingError` if a network of the module has other shapes than the saved one.

    Args:
        saved: the weights of a checkpoint.
        module: what is to take them up.
        strict: whether it must have the very weights that were saved; if not, weights that only
            one of the two has are no matter.
        path: of the checkpoint, if it was named.
    """
    wanted = _networks(module.state_dict())
    kept = _networks(saved)
    for key in [*kept, *wanted] if strict else kept.keys() & wanted.keys():
        then, now = _shape(kept.get(key)), _shape(wanted.get(key))
        if then != now:
            named = f"--ckpt_path is '{path}', but " if path else ""
            raise SettingError(
                f"{named}{SETTINGS[key.partition('.')[0]]} gives {key} {now}, where the "
                f"checkpoint has {then}: what has been trained keeps its shape, so give it as it "
                "was trained, or begin anew without --ckpt_path"
            )


def _networks(state: Mapping[str, Any]) -> dict[str, Tensor]:
    prefixes = tuple(f"{name}." for name in SETTINGS)
    return {k: v for k, v in state.items() if k.startswith(prefixes) and isinstance(v, Tensor)}


def _shape(tensor: Tensor | None) -> str:
    return "no weight" if tensor is None else f"shape {list(tensor.shape)}"

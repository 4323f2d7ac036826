"""What may be kept in a checkpoint: that which loading it needs no code for."""

from __future__ import annotations

import io

import torch

from lightning_ebm.errors import SettingError

LOADABLE = "tensors, numbers, strings, None, and lists, tuples and dictionaries of these"


def require_loadable(owner: str, state: dict[str, object]) -> None:
    """Refuse a state that could be saved, if at all, but never loaded again.

    Args:
        owner: whose state it is, with its key.
        state: what its `state_dict` gives.

    Raises:
        SettingError: names the entry.
    """
    for name, value in state.items():
        buffer = io.BytesIO()
        try:
            torch.save(value, buffer)
            buffer.seek(0)
            torch.load(buffer, weights_only=True)
        # Pickling runs the object's own methods, which may raise anything.
        except Exception as failure:
            raise SettingError(
                f"{owner} keeps '{name}', a {_kind(value)}, which no checkpoint can load: keep "
                f"{LOADABLE}"
            ) from failure


def _kind(value: object) -> str:
    inner = {type(part).__name__ for part in value.values()} if isinstance(value, dict) else set()
    return type(value).__name__ + (f" of {', '.join(sorted(inner))}" if inner else "")

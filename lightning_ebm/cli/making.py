"""What a constructor refuses, as a sentence that says whose it was."""

from __future__ import annotations

import traceback

import lightning as L
from torch import nn

from lightning_ebm.data import Density
from lightning_ebm.errors import PlugInError, SettingError
from lightning_ebm.flows import Flow
from lightning_ebm.kernels import Kernel
from lightning_ebm.sampler import Sampler
from lightning_ebm.starts import Start

# In this order: any module is an Energy to isinstance, and whatever is left is taken for one.
KEYS: dict[type, str] = {
    Sampler: "model.sampler",
    Flow: "model.flow",
    Kernel: "a kernel of model.sampler",
    Start: "a start of model.sampler",
    Density: "data.density",
    L.LightningModule: "model",
    L.LightningDataModule: "data",
    L.Callback: "a callback",
    L.Trainer: "trainer",
    nn.Module: "model.energy",
}


def refusal(failure: BaseException) -> SettingError:
    """The user's fault that a failure while everything is built comes down to.

    A `TypeError` or `ValueError` is how a constructor refuses an argument; whatever else it raises
    is a failure of its code, whoever wrote it.
    """
    made = _being_made(failure)
    place = "" if made is None else f"{made[1]} ({made[0]})"
    message = " ".join(str(failure).split())
    if isinstance(failure, SettingError):
        named = made is None or any(word in message for word in ("model.", made[1]))
        return failure if named else SettingError(f"{message} [in {place}]")
    if isinstance(failure, (TypeError, ValueError)):
        return SettingError(f"{place} refuses its settings: {message}" if made else message)
    return PlugInError(
        f"{place or 'a class of the configuration'} cannot be made: "
        f"{type(failure).__name__}: {message}: mend it, or name another class"
    )


def _being_made(failure: BaseException) -> tuple[str, str] | None:
    """Name and key of the object in whose constructor a failure arose, if in any's."""
    for frame, _ in traceback.walk_tb(failure.__traceback__):
        owner = frame.f_locals.get("self") if frame.f_code.co_name == "__init__" else None
        for role, key in KEYS.items():
            if isinstance(owner, role):
                return type(owner).__name__, key
    return None

"""Failures that are the user's fault, as sentences that say whose object they arose in."""

from __future__ import annotations

import errno
import re
import traceback
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from lightning_ebm.cli.users_code import lightnings_callback, users_code
from lightning_ebm.data import Density
from lightning_ebm.errors import PlugInError, SettingError
from lightning_ebm.flows import Flow
from lightning_ebm.kernels import Kernel
from lightning_ebm.sampler import Sampler
from lightning_ebm.starts import Start

# In this order: whatever module is left is taken for an energy, but for those of flows' libraries.
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


FLOW_LIBRARIES = {"normflows", "zuko"}

DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.ENOENT,
    errno.EFBIG,
    errno.ENAMETOOLONG,
}
"""What the disk refuses: a matter of room and permissions, not of the library."""


def refusal(failure: BaseException, trainer: dict[str, Any]) -> SettingError:
    """The user's fault that a failure while everything is built comes down to.

    A `TypeError` or `ValueError` is how a constructor refuses an argument; whatever else it raises
    is a failure of its code, whoever wrote it.

    Args:
        failure: what was raised.
        trainer: the trainer's settings.
    """
    failure = _unwrapped(failure)
    made = _being_made(failure)
    place = "" if made is None else f"{made[1]} ({made[0]})"
    message = " ".join(str(failure).split())
    if isinstance(failure, SettingError):
        named = made is None or re.match(r"(\w+\.)+\w+ ", message)
        return failure if named else SettingError(f"{message} [in {place}]")
    if isinstance(failure, (TypeError, ValueError, MisconfigurationException)):
        if made is not None and made[1] == "trainer":
            message = _with_values(message, trainer)
        return SettingError(f"{place} refuses its settings: {message}" if made else message)
    return PlugInError(
        f"{place or 'a class of the configuration'} cannot be made: "
        f"{type(failure).__name__}: {message}: mend it, or name another class"
    )


def fault_in(failure: BaseException, trainer: dict[str, Any]) -> SettingError | None:
    """The user's fault that stopped a run; None if it was none of theirs.

    Args:
        failure: what was raised.
        trainer: the trainer's settings.
    """
    if isinstance(failure, SettingError):
        return failure
    message = " ".join(str(failure).split())
    if isinstance(failure, MisconfigurationException) or _raised_by("lightning", failure):
        return SettingError(_with_values(message, trainer))
    if isinstance(failure, OSError) and failure.errno in DISK:
        return SettingError(
            f"{failure.filename or 'a file of the run'} cannot be written or read "
            f"({failure.strerror}): make room or mend permissions, or give another "
            "trainer.default_root_dir"
        )
    if isinstance(failure, FloatingPointError):
        return None
    if (code := users_code(failure)) is None:
        callback = lightnings_callback(failure)
        if callback is None:
            return None
        return SettingError(
            f"trainer.callbacks has {callback}, which cannot work here "
            f"({type(failure).__name__}: {message}): leave it out, or give it other settings"
        )
    if "Original Traceback" in message:
        # Of a loader's worker: its last line says what it was.
        message = str(failure).strip().splitlines()[-1]
    return PlugInError(f"{code} failed: {type(failure).__name__}: {message}: mend it")


def _unwrapped(failure: BaseException) -> BaseException:
    """What a constructor raised, out of what the parser of a union of types makes of it."""
    while failure.__cause__ is not None and _raised_by("jsonargparse", failure):
        failure = failure.__cause__
    return failure


def _raised_by(package: str, failure: BaseException) -> bool:
    """Whether a package itself raised a `ValueError`, as it does where settings do not fit."""
    frames = list(traceback.walk_tb(failure.__traceback__))
    origin = frames[-1][0].f_globals.get("__name__", "") if frames else ""
    return type(failure) is ValueError and origin.startswith(f"{package}.")


def _with_values(message: str, settings: dict[str, Any]) -> str:
    """The message, with the values of settings that it speaks of and leaves them out."""
    spoken = {key: value for key, value in settings.items() if re.search(rf"\b{key}\b", message)}
    left_out = [
        f"trainer.{k} is {v}" for k, v in spoken.items() if str(v) not in message and v is not None
    ]
    return f"{message} [{', '.join(left_out)}]" if left_out else message


def _being_made(failure: BaseException) -> tuple[str, str] | None:
    """Name and key of the object in whose constructor a failure arose, if in any's."""
    for frame, _ in traceback.walk_tb(failure.__traceback__):
        owner = frame.f_locals.get("self") if frame.f_code.co_name == "__init__" else None
        # By descent: any module passes for an energy and for a flow to isinstance.
        for role, key in KEYS.items():
            if role in type(owner).__mro__:
                library = type(owner).__module__.partition(".")[0]
                key = KEYS[Flow] if library in FLOW_LIBRARIES else key
                return type(owner).__name__, key
    return None

"""Whether code of the user's raised an exception: a class that is configured, or its data."""

from __future__ import annotations

import traceback
from types import FrameType

import lightning as L
from torch import nn
from torch.utils.data import BatchSampler, Dataset, Sampler

from lightning_ebm.checked_draw import OURS

LIBRARIES = (*OURS, "lightning", "normflows", "torchmetrics")
LOADING = ("torch.utils.data", "lightning.pytorch.utilities.combined_loader")
"""Where data are loaded; what a worker raised is raised there again."""
ROLES = {
    (L.LightningDataModule, Dataset, Sampler, BatchSampler): "data",
    (nn.Module,): "model",
    (L.Callback,): "a callback",
}


def users_code(failure: BaseException) -> str | None:
    """The user's class that raised an exception, with its key; None if none did.

    A failure of data that shows no class is the data's all the same. An exit counts where the
    class itself called it; callbacks may.
    """
    frames = [frame for frame, _ in traceback.walk_tb(failure.__traceback__)]
    owners = [(frame, role) for frame in reversed(frames) if (role := _role(frame))]
    if isinstance(failure, SystemExit):
        owners = [item for item in owners[:1] if item[1] != "a callback"]
    for frame, role in owners:
        kind = type(frame.f_locals["self"])
        if kind.__module__.partition(".")[0] not in LIBRARIES:
            return f"{role} ({kind.__name__})"
    loads = any(frame.f_globals.get("__name__", "").startswith(LOADING) for frame in frames)
    return "data" if loads and not isinstance(failure, SystemExit) else None


def lightnings_callback(failure: BaseException) -> str | None:
    """The callback of Lightning's that raised an exception, alone or by what it called.

    It is the user's choice, but for an exit. None if code of this library was at work beneath it.
    """
    if not isinstance(failure, Exception):
        return None
    for frame, _ in reversed(list(traceback.walk_tb(failure.__traceback__))):
        owner = frame.f_locals.get("self")
        if isinstance(owner, L.Callback):
            ours = not type(owner).__module__.startswith("lightning.pytorch.callbacks")
            return None if ours else type(owner).__name__
        if frame.f_globals.get("__name__", "").startswith(("lightning_ebm.", "sampler_plugins.")):
            return None
    return None


def _role(frame: FrameType) -> str | None:
    owner = frame.f_locals.get("self")
    return next((role for kinds, role in ROLES.items() if isinstance(owner, kinds)), None)

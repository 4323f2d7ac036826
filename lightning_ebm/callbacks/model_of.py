"""The module that the callbacks here look at."""

from __future__ import annotations

import lightning as L

from lightning_ebm.errors import SettingError
from lightning_ebm.module import EBMLightningModule


def model_of(module: L.LightningModule) -> EBMLightningModule:
    """Trainer's module, as the one of this library that it is.

    Raises:
        SettingError: if it is another.
    """
    if not isinstance(module, EBMLightningModule):
        raise SettingError(
            f"trainer has callbacks of lightning_ebm, and model is {type(module).__name__}, no "
            "EBMLightningModule: leave them out"
        )
    return module

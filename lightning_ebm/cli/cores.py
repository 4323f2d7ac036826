"""Whether a machine can carry the processes that a command asks for."""

from __future__ import annotations

import os

import lightning as L
from lightning.pytorch.accelerators import CPUAccelerator

from lightning_ebm.errors import SettingError

MOST_PER_CORE = 16


def require_cores(trainer: L.Trainer) -> None:
    """Raise `SettingError` if a trainer is to start more processes than the machine can carry."""
    cores = os.cpu_count() or 1
    if isinstance(trainer.accelerator, CPUAccelerator) and (
        trainer.num_devices > MOST_PER_CORE * cores
    ):
        raise SettingError(
            f"trainer.devices is {trainer.num_devices}, a process each, but this machine has "
            f"{cores} cores: give at most {MOST_PER_CORE * cores}, better {cores}"
        )

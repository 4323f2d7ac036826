"""Checkpoints that are whole, are there for every last step, and are found again."""

from lightning_ebm.checkpoints.choosing import choose
from lightning_ebm.checkpoints.keeping import RunCheckpoint
from lightning_ebm.checkpoints.stopping import StopSafely
from lightning_ebm.checkpoints.writing import WholeFiles

__all__ = ["RunCheckpoint", "StopSafely", "WholeFiles", "choose"]

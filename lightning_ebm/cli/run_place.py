"""Where a command's run lies: on in the folder of its checkpoint, or in one of its own."""

from __future__ import annotations

from pathlib import Path

import lightning as L
from jsonargparse import Namespace
from lightning.pytorch.loggers import TensorBoardLogger

from lightning_ebm.checkpoints.choosing import run_folders
from lightning_ebm.checkpoints.writing import remove_abandoned
from lightning_ebm.cli.origin import Origin
from lightning_ebm.errors import SettingError

TENSORBOARD = "lightning.pytorch.loggers.TensorBoardLogger"


def go_on_in_folder(trainer: Namespace, origin: Origin) -> bool:
    """Let a trainer's settings put files where the checkpoint's run has its own.

    TensorBoard's curves go on: what a killed run drew beyond the checkpoint is dropped. Other
    loggers would begin their files anew there, and keep a new folder.

    Returns:
        Whether the run goes on in that folder.
    """
    if trainer.logger is False:
        trainer.default_root_dir = str(origin.folder)
        return True
    loggers = trainer.logger if isinstance(trainer.logger, list) else [trainer.logger]
    first = loggers[0] if loggers else True
    if first in (None, True):
        first = Namespace(class_path=TENSORBOARD, init_args=Namespace())
    if first.class_path.rpartition(".")[2] != "TensorBoardLogger":
        return False
    first.init_args.update(
        Namespace(save_dir=str(origin.folder.parent), name="", version=origin.folder.name)
    )
    first.dict_kwargs = (first.get("dict_kwargs") or {}) | {"purge_step": origin.step}
    trainer.logger = [first, *loggers[1:]]
    return True


def refuse_occupied(trainer: L.Trainer) -> None:
    """Raise `SettingError` if another run has checkpoints where a new one would write its own."""
    folder = Path(trainer.default_root_dir)
    if trainer.loggers and trainer.loggers[0].log_dir is not None:
        folder = Path(trainer.loggers[0].log_dir)
    if trainer.fast_dev_run or not any((folder / "checkpoints").glob("*.ckpt")):
        return
    named = isinstance(trainer.logger, TensorBoardLogger)
    remedy = "another version of the logger" if named else "--trainer.default_root_dir"
    raise SettingError(
        f"{folder} has checkpoints of another run: give {remedy}, or --ckpt_path=last to go on "
        "with it, or --overwrite=true"
    )


def remove_litter(trainer: L.Trainer) -> None:
    """Remove what runs of this root folder that were killed have left unfinished."""
    for run in run_folders(Path(trainer.default_root_dir)):
        for folder in (run, run / "checkpoints"):
            remove_abandoned(folder)

"""Where a command's run lies: on in the folder of its checkpoint, or in one of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
from jsonargparse import Namespace
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.loggers import TensorBoardLogger

from lightning_ebm.checkpoints.choosing import run_folders
from lightning_ebm.checkpoints.writing import remove_abandoned
from lightning_ebm.cli.origin import Origin
from lightning_ebm.errors import SettingError
from lightning_ebm.undeclared import undeclared

TENSORBOARD = "lightning.pytorch.loggers.TensorBoardLogger"
OURS = "lightning_ebm.callbacks.EBMTensorBoardLogger"


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
    if not _log_in_folder(trainer, origin):
        return False
    first = trainer.logger[0]
    first.dict_kwargs = (first.get("dict_kwargs") or {}) | {"purge_step": origin.step}
    return True


def look_in_folder(
    trainer: Namespace, origin: Origin, settings: dict[str, Any], *, predicts: bool
) -> None:
    """Let a command that looks at a model log into its run's own files, and make no folder.

    So it is unless it is given a logger or a root folder of its own. Loggers other than
    TensorBoard's begin anew, where they are given figures.

    Args:
        trainer: its settings; changed in place.
        origin: the checkpoint.
        settings: of the command, as plain data.
        predicts: whether it has no figures.
    """
    theirs = {} if origin.settings is None else origin.settings["trainer"]
    if origin.elsewhere or settings["trainer"].get("logger") != theirs.get("logger"):
        return
    if predicts:
        trainer.logger = False
        trainer.default_root_dir = str(origin.folder)
    elif any(origin.folder.glob("events.out.tfevents.*")):
        _log_in_folder(trainer, origin)


def refuse_barebones(trainer: Namespace) -> None:
    """Raise `SettingError` for a trainer that would keep nothing of its run."""
    if trainer.barebones:
        raise SettingError(
            "trainer.barebones is true, with which Lightning keeps no checkpoint and no figure, "
            "so that the command would leave nothing: leave it out; python -m "
            "benchmarks.training_step measures what a step costs"
        )


def explain_in_tensorboard(trainer: Namespace) -> None:
    """Have TensorBoard's logger, the default as well as a plain one, be that of this library."""
    loggers = trainer.logger if isinstance(trainer.logger, list) else [trainer.logger]
    if not loggers or trainer.logger is False:
        return
    for place, logger in enumerate(loggers):
        if logger in (None, True):
            root = trainer.default_root_dir or str(Path.cwd())
            job = Namespace(save_dir=root, version=SLURMEnvironment.job_id())
            loggers[place] = Namespace(class_path=OURS, init_args=job)
        elif logger.class_path == TENSORBOARD:
            logger.class_path = OURS
    trainer.logger = loggers if len(loggers) > 1 else loggers[0]


def _log_in_folder(trainer: Namespace, origin: Origin) -> bool:
    """Let the first logger, if it is TensorBoard's, write into the folder of the run."""
    loggers = trainer.logger if isinstance(trainer.logger, list) else [trainer.logger]
    first: Any = loggers[0] if loggers else True
    if first in (None, True):
        first = Namespace(class_path=TENSORBOARD, init_args=Namespace())
    if first is False or first.class_path not in (TENSORBOARD, OURS):
        return False
    first.init_args.update(
        Namespace(save_dir=str(origin.folder.parent), name="", version=origin.folder.name)
    )
    trainer.logger = [first, *loggers[1:]]
    return True


def refuse_occupied(trainer: L.Trainer) -> None:
    """Raise `SettingError` if another run has checkpoints where a new one would write its own."""
    folder = Path(trainer.default_root_dir)
    if trainer.loggers and trainer.loggers[0].log_dir is not None:
        folder = Path(trainer.loggers[0].log_dir)
    if undeclared(trainer).fast_dev_run or not any((folder / "checkpoints").glob("*.ckpt")):
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

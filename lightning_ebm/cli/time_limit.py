"""The exit status of a run that `trainer.max_time` ended before it was done."""

from __future__ import annotations

import sys

import lightning as L
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.utilities import rank_zero_info

from lightning_ebm.checkpoints.stopping_early import TIME_IS_UP
from lightning_ebm.undeclared import undeclared


def end_if_time_is_up(trainer: L.Trainer, limit: object) -> None:
    """Exit with a status of its own, and say how to go on, if the time was up before the end.

    Args:
        trainer: has fitted.
        limit: `trainer.max_time` as it was given.
    """
    timer = next((c for c in undeclared(trainer).callbacks if isinstance(c, Timer)), None)
    left = None if timer is None else timer.time_remaining()
    if left is None or left > 0 or _is_done(trainer):
        return
    path = getattr(trainer.checkpoint_callback, "last_model_path", "")
    rank_zero_info(
        f"stopped by trainer.max_time={limit} after step {trainer.global_step}, saved in {path}: "
        f"go on with --ckpt_path={path} and a longer time, which counts what is behind"
    )
    sys.exit(TIME_IS_UP if trainer.local_rank == 0 else 0)


def _is_done(trainer: L.Trainer) -> bool:
    loop = trainer.fit_loop
    whole = loop.epoch_loop.batch_progress.is_last_batch
    epochs = loop.epoch_progress.current.completed if whole else -1
    steps_done = 0 <= trainer.max_steps <= trainer.global_step
    return steps_done or 0 <= (loop.max_epochs or -1) <= epochs

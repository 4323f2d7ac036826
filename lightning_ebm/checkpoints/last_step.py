"""Whether a step is a run's last, and saving it by the run's first ModelCheckpoint.

ModelCheckpoint saves at its intervals. Asked at the end of an epoch that stopped half way, it
would save a state in which the epoch is over; what is saved here goes on within it.
"""

from __future__ import annotations

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint


def saves(trainer: L.Trainer) -> bool:
    """Whether a trainer keeps checkpoints at all."""
    return _keeper(trainer) is not None and not trainer.fast_dev_run


def ends_within_epoch(trainer: L.Trainer) -> bool:
    """Whether training ends with the batch that is just over, while its epoch is not."""
    progress = trainer.fit_loop.epoch_loop.batch_progress
    return _ends(trainer) and not progress.is_last_batch


def ends_after_epoch(trainer: L.Trainer) -> bool:
    """Whether training ends with the epoch that is just over."""
    epochs = trainer.fit_loop.max_epochs
    done = trainer.fit_loop.epoch_progress.current.processed
    return _ends(trainer) or (epochs is not None and 0 <= epochs <= done)


def save_last(trainer: L.Trainer, *, validated: bool) -> str | None:
    """Save this step as the run's last, unless it is saved; all processes must ask.

    Args:
        trainer: in training.
        validated: whether what the run monitors is of this very step.

    Returns:
        The file; None if the trainer keeps no checkpoints.
    """
    keeper = _keeper(trainer)
    if keeper is None or trainer.fast_dev_run:
        return None
    step = trainer.global_step
    if keeper._last_global_step_saved == step:
        return keeper._last_checkpoint_saved
    metrics = keeper._monitor_candidates(trainer)
    if keeper.monitor is None or (validated and keeper.monitor in metrics):
        keeper._save_topk_checkpoint(trainer, metrics)
    if keeper.save_last or keeper._last_global_step_saved != step:
        # Not as a link, which could be to the file of an earlier step.
        asked, keeper.save_last = keeper.save_last, True
        keeper._save_last_checkpoint(trainer, metrics)
        keeper.save_last = asked
    return keeper._last_checkpoint_saved


def save_best(trainer: L.Trainer) -> None:
    """Let the last step be among the best, by a validation that came after it was saved."""
    keeper = _keeper(trainer)
    metrics = keeper._monitor_candidates(trainer)
    saved = keeper.best_model_path, *keeper.best_k_models
    name = keeper.format_checkpoint_name(metrics)
    if keeper.monitor in metrics and name not in saved:
        keeper._save_topk_checkpoint(trainer, metrics)


def _ends(trainer: L.Trainer) -> bool:
    if 0 <= trainer.max_steps <= trainer.global_step:
        return True
    return trainer.should_stop and trainer.fit_loop._can_stop_early


def _keeper(trainer: L.Trainer) -> ModelCheckpoint | None:
    callbacks = trainer.checkpoint_callbacks
    return next((c for c in callbacks if isinstance(c, ModelCheckpoint)), None)

"""Whether a step is a run's last, and saving it by the run's first ModelCheckpoint.

ModelCheckpoint saves at its intervals. Asked at the end of an epoch that stopped half way, it
would save a state in which the epoch is over; what is saved here goes on within it.
"""

from __future__ import annotations

from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from lightning_ebm.needed import needed
from lightning_ebm.undeclared import epochs_processed, undeclared


def saves(trainer: L.Trainer) -> bool:
    """Whether a trainer keeps checkpoints at all."""
    return _keeper(trainer) is not None and not undeclared(trainer).fast_dev_run


def ends(trainer: L.Trainer) -> bool:
    """Whether the step that is just over is the last, by their number or by request."""
    if 0 <= trainer.max_steps <= trainer.global_step:
        return True
    return trainer.should_stop and trainer.fit_loop._can_stop_early


def is_within_epoch(trainer: L.Trainer) -> bool:
    """Whether an epoch is not over with the batch that is."""
    return not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch


def ends_after_epoch(trainer: L.Trainer) -> bool:
    """Whether training ends with the epoch that is just over."""
    epochs = trainer.fit_loop.max_epochs
    done = epochs_processed(trainer)
    last_epoch = epochs is not None and 0 <= epochs <= done
    return (last_epoch or ends(trainer)) and not is_within_epoch(trainer)


def save_last(trainer: L.Trainer, *, validated: bool = False) -> str | None:
    """Save this step as the run's last, unless it is saved; all processes must ask.

    Args:
        trainer: in training.
        validated: whether what the run monitors is of this very step, which may be its best.

    Returns:
        The file; None if the trainer keeps no checkpoints.
    """
    if not saves(trainer):
        return None
    keeper = needed(_keeper(trainer))
    if validated:
        save_best(trainer)
    metrics = keeper._monitor_candidates(trainer)
    anew = keeper._last_global_step_saved != trainer.global_step
    if anew and keeper.monitor is None and is_within_epoch(trainer) and _counts(keeper, trainer):
        # Lightning's would come when the epoch is declared to be over.
        keeper._save_topk_checkpoint(trainer, metrics)
    elif anew and _counts_steps(keeper, trainer):
        # Lightning's would come next, and finds the step saved.
        keeper._save_topk_checkpoint(trainer, metrics)
    if not _is_saved(keeper, trainer):
        _save_as_last(keeper, trainer, metrics)
    return keeper._last_checkpoint_saved


def save_before_training(trainer: L.Trainer) -> str:
    """Save what there is before the first step as the run's last; all processes must ask.

    Returns:
        The file.
    """
    keeper = needed(_keeper(trainer))
    _save_as_last(keeper, trainer, keeper._monitor_candidates(trainer))
    return keeper._last_checkpoint_saved


def save_last_after_epoch(trainer: L.Trainer) -> None:
    """Save the step as the run's last, where ModelCheckpoint, which comes next, might not."""
    if not saves(trainer):
        return
    keeper = needed(_keeper(trainer))
    comes = keeper._should_save_on_train_epoch_end(trainer) and _counts(keeper, trainer)
    if keeper.monitor is None and keeper.save_top_k != 0 and comes:
        return
    noted = keeper._last_global_step_saved
    save_last(trainer)
    # It has yet to judge whether the step is among the best.
    keeper._last_global_step_saved = noted


def save_best(trainer: L.Trainer) -> None:
    """Let the last step be among the best, by a validation that came after it was saved."""
    keeper = needed(_keeper(trainer))
    metrics = keeper._monitor_candidates(trainer)
    judged = keeper.format_checkpoint_name(metrics) in keeper.best_k_models
    if keeper.monitor in metrics and not judged:
        keeper._save_topk_checkpoint(trainer, metrics)


def _save_as_last(keeper: ModelCheckpoint, trainer: L.Trainer, metrics: dict[str, Tensor]) -> None:
    # Not as a link, which could be to the file of an earlier step.
    asked, keeper.save_last = keeper.save_last, True
    keeper._save_last_checkpoint(trainer, metrics)
    keeper.save_last = asked


def _is_saved(keeper: ModelCheckpoint, trainer: L.Trainer) -> bool:
    if keeper._last_global_step_saved != trainer.global_step:
        return False
    last, saved = Path(keeper.last_model_path), Path(keeper._last_checkpoint_saved)
    return not keeper.save_last or last.resolve() == saved.resolve()


def _counts(keeper: ModelCheckpoint, trainer: L.Trainer) -> bool:
    every = keeper._every_n_epochs
    return every >= 1 and (trainer.current_epoch + 1) % every == 0


def _counts_steps(keeper: ModelCheckpoint, trainer: L.Trainer) -> bool:
    every = keeper._every_n_train_steps
    return every >= 1 and trainer.global_step % every == 0


def _keeper(trainer: L.Trainer) -> ModelCheckpoint | None:
    callbacks = trainer.checkpoint_callbacks
    return next((c for c in callbacks if isinstance(c, ModelCheckpoint)), None)

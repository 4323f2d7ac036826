"""Every run ends with a checkpoint of its very last step: at its end, and when told to stop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any

import lightning as L
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.trainer.connectors.signal_connector import _HandlersCompose

from lightning_ebm.checkpoints.last_step import (
    ends,
    ends_after_epoch,
    is_within_epoch,
    save_best,
    save_last,
    save_last_after_epoch,
    saves,
)
from lightning_ebm.checkpoints.listening import STOPPING, Listener
from lightning_ebm.checkpoints.writing import WholeFiles

Handler = Callable[[int, Any], Any]


class StopSafely(L.Callback):
    """Saves the last step of a run, writes all checkpoints whole, and stops in good order.

    SIGTERM, SIGINT (Ctrl-C) and SIGUSR1 let the step be finished, save it where the run's first
    ModelCheckpoint keeps its last, say so in a line, and end the process with status 128 + signal.
    While the model is validated they wait for that. A second SIGINT stops at once. Under SLURM the
    signal by which Lightning requeues a job does this first. Signals for which the user has a
    handler stay the user's; so do all where a Trainer keeps no checkpoints.

    `EBMLightningModule` brings it along.
    """

    def __init__(self) -> None:
        self.listener = Listener()
        self.handlers_before: dict[int, Any] = {}
        self.requeue: dict[int, Handler] = {}
        self.began_at = self.step = self.validated_step = -1

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Have checkpoints written whole, unless the user has chosen how."""
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = WholeFiles()
        self.handlers_before = {s: signal.getsignal(s) for s in signal.valid_signals()}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Listen to signals, in place of Lightning, which cuts the step short."""
        self.listener = Listener()
        self.began_at = self.step = trainer.global_step
        self.validated_step = -1
        if not saves(trainer):
            return
        # Lightning has just put its own where the job is to be requeued. Others have put theirs
        # since, torch for the end of a loader's workers.
        handlers = {s: signal.getsignal(s) for s in self.handlers_before if s != signal.SIGTERM}
        self.requeue = {s: h for s, h in handlers.items() if isinstance(h, _HandlersCompose)}
        self.listener.listen({*STOPPING, *self.requeue}, self.handlers_before)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Save the last step of all, if it is within an epoch; stop, if told to."""
        told = self.listener.told(trainer)
        stepped, self.step = trainer.global_step != self.step, trainer.global_step
        # Where several batches make a step, the step is what is saved.
        if not stepped:
            return
        if told:
            self._stop(trainer, told)
        elif ends(trainer) and is_within_epoch(trainer):
            save_last(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop, if told to in the meantime."""
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        self.validated_step = trainer.global_step
        # At the end of an epoch a checkpoint that goes on with the next is a moment away.
        if is_within_epoch(trainer) and (told := self.listener.told(trainer)):
            self._stop(trainer, told)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop, if told to; save the last step of all, if it is an epoch's last."""
        if told := self.listener.told(trainer):
            self._stop(trainer, told)
        if ends_after_epoch(trainer):
            save_last_after_epoch(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """See that the last step is saved, and judged by its validation."""
        if trainer.global_step > self.began_at and saves(trainer):
            save_last(trainer)
            if self.validated_step == trainer.global_step:
                save_best(trainer)
        if told := self.listener.told(trainer):
            self._stop(trainer, told)

    def _stop(self, trainer: L.Trainer, number: int) -> None:
        path = save_last(trainer, validated=self.validated_step == trainer.global_step)
        if trainer.is_global_zero:
            sys.stderr.write(
                f"stopped by {signal.Signals(number).name} after step {trainer.global_step}, "
                f"saved in {path}: go on with --ckpt_path={path}\n"
            )
        if number in self.requeue:
            self.requeue[number](number, None)
        # Lightning kills all processes at once when a child's status says that it failed.
        raise SystemExit(128 + number if trainer.local_rank == 0 else 0)

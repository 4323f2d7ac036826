"""Stopping before the first step of training, while the flow is trained alone, without loss."""

from __future__ import annotations

import signal
import sys
import time
from types import TracebackType
from typing import Self

import lightning as L
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.trainer.states import RunningStage

from lightning_ebm.checkpoints.last_step import save_before_training, saves
from lightning_ebm.checkpoints.listening import STOPPING, Listener
from lightning_ebm.needed import needed
from lightning_ebm.undeclared import undeclared

TIME_IS_UP = 124
"""As `timeout` gives it."""


class StopInPretraining:
    """Saves a step of the pre-training after which it is to stop, as `StopSafely` later does.

    So does the end of `trainer.max_time`, which counts the pre-training too; the process then
    ends with status 124. Where a Trainer keeps no checkpoints nothing is heeded.

    Args:
        trainer: before its first step.
    """

    def __init__(self, trainer: L.Trainer) -> None:
        self.trainer = trainer
        timers = [c for c in undeclared(trainer).callbacks if isinstance(c, Timer)]
        self._timer = next((timer for timer in timers if timer._duration is not None), None)
        self._listener = Listener()
        self._saves = saves(trainer)
        self._counted = 0.0

    def __enter__(self) -> Self:
        self._counted = time.monotonic()
        if self._saves:
            before = {int(s): signal.getsignal(s) for s in signal.valid_signals()}
            self._listener.listen({*STOPPING, *self._requeuing()}, before)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Lightning puts its own handlers next where it finds none.
        self._listener.cease()
        self._count_time()

    def after(self, step: int) -> None:
        """Save the step and end the process, if a signal has come or the time is up.

        Args:
            step: of the pre-training, which is done; all processes come here with each.
        """
        if not self._saves:
            return
        if told := self._listener.told(self.trainer):
            self._stop(step, signal.Signals(told).name, "")
            if told in self._requeuing():
                self.trainer._signal_connector._slurm_sigusr_handler_fn(told, sys._getframe())
            self._exit(128 + told)
        if self._time_is_up():
            self._stop(step, "trainer.max_time", " and a longer time, which counts what is behind")
            self._exit(TIME_IS_UP)

    def _stop(self, step: int, reason: str, besides: str) -> None:
        path = save_before_training(self.trainer)
        if self.trainer.is_global_zero:
            sys.stderr.write(
                f"stopped by {reason} after step {step} of the flow's pre-training, "
                f"saved in {path}: go on with --ckpt_path={path}{besides}\n"
            )

    def _exit(self, status: int) -> None:
        # Lightning kills all processes at once when a child's status says that it failed.
        raise SystemExit(status if self.trainer.local_rank == 0 else 0)

    def _requeuing(self) -> set[int]:
        """The signal by which SLURM requeues a job, if this is one and Lightning sees to it."""
        environment = self.trainer._accelerator_connector.cluster_environment
        if isinstance(environment, SLURMEnvironment) and environment.auto_requeue:
            return {int(needed(environment.requeue_signal))}
        return set()

    def _time_is_up(self) -> bool:
        if self._timer is None:
            return False
        self._count_time()
        late = needed(self._timer.time_remaining()) <= 0
        return self.trainer.strategy.broadcast(late)

    def _count_time(self) -> None:
        """Let the timer know of what has passed, which itself begins with training."""
        now = time.monotonic()
        if self._timer is not None:
            passed = self._timer.time_elapsed() + now - self._counted
            self._timer.load_state_dict({"time_elapsed": {RunningStage.TRAINING.value: passed}})
        self._counted = now

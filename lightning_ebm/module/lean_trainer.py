"""What Trainer does at every step of its own accord, and nobody sees: cut."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.profilers import PassThroughProfiler

from lightning_ebm.undeclared import undeclared

ON_THE_BAR = {
    "loss/energy": "loss",
    "sampler/acceptance_local": "acceptance",
    "sampler/acceptance_global": "acceptance of flow",
    "likelihood/over_flow": "nats over flow",
}
"""Figures of training that are shown beside the progress bar, and as what."""
SECONDS = 0.2
"""Between two drawings of the progress bar, at least."""
_NOTHING = nullcontext()


class SparingProgressBar(TQDMProgressBar):
    """TQDMProgressBar that passes over batches which follow each other too fast to be seen."""

    def __init__(self, refresh_rate: int = 1, process_position: int = 0) -> None:
        super().__init__(refresh_rate, process_position)
        self._drawn_at = -SECONDS

    def get_metrics(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """What is shown beside the bar, by short names."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return {ON_THE_BAR.get(name, name): value for name, value in metrics.items()}

    def _should_update(self, current: int, total: int) -> bool:
        if not super()._should_update(current, total):
            return False
        now = time.monotonic()
        if current != total and now - self._drawn_at < SECONDS:
            return False
        self._drawn_at = now
        return True


class NoProfiler(PassThroughProfiler):
    """PassThroughProfiler, which measures nothing, at no cost."""

    # Not Lightning's own kind of context, which costs something to make.
    def profile(self, action_name: str) -> Any:  # noqa: ANN401
        """A context that does nothing."""
        return _NOTHING


def make_lean(trainer: L.Trainer, module: L.LightningModule, stage: str) -> None:
    """Exchange a plain progress bar of tqdm and the profiler that does nothing; no others.

    Args:
        trainer: has set up its callbacks.
        module: that it runs.
        stage: that it is about to run.
    """
    bar = trainer.progress_bar_callback
    if type(bar) is TQDMProgressBar:
        sparing = SparingProgressBar(bar.refresh_rate, bar.process_position)
        callbacks = undeclared(trainer).callbacks
        callbacks[callbacks.index(bar)] = sparing
        sparing.setup(trainer, module, stage)
    if type(undeclared(trainer).profiler) is PassThroughProfiler:
        undeclared(trainer).profiler = NoProfiler()

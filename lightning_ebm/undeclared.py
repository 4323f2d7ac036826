"""What Lightning's Trainer has and its classes do not declare, by its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import lightning as L
    from lightning.pytorch.callbacks import Callback
    from lightning.pytorch.loops.progress import _ProcessedTracker
    from lightning.pytorch.profilers import Profiler


class Undeclared(Protocol):
    """What Trainer's connectors set on it.

    Attributes:
        callbacks: in the order in which they are called.
        datamodule: anybody's, or None.
        fast_dev_run: whether this is a rehearsal of some batches, or of how many.
        log_every_n_steps: steps between figures.
        profiler: measures how long what takes.
    """

    callbacks: list[Callback]
    datamodule: Any
    fast_dev_run: bool | int
    log_every_n_steps: int
    profiler: Profiler


def undeclared(trainer: L.Trainer) -> Undeclared:
    """A trainer, with what its class does not declare."""
    return cast("Undeclared", trainer)


def epochs_processed(trainer: L.Trainer) -> int:
    """Epochs whose batches have all been trained on."""
    # Declared as its base class, which does not count these.
    return cast("_ProcessedTracker", trainer.fit_loop.epoch_progress.current).processed

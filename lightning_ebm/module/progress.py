"""Trainer's counters in a checkpoint, so written that it goes on right after the last batch."""

from __future__ import annotations

from typing import Any


def as_after_last_batch(checkpoint: dict[str, Any], *, counts_steps: bool) -> None:
    """Count an epoch that has ended as one whose last batch is done, and whose end is to come.

    So it is written by a checkpoint of that batch, and read as what it is. Lightning 2.6 misreads
    two others: an epoch that `max_steps` or early stopping cut short it counts as a whole one, and
    of one that has ended it trains a batch too many if it is told a number of steps.

    Args:
        checkpoint: Lightning's; changed in place.
        counts_steps: whether Trainer is told a number of steps.
    """
    loops = checkpoint.get("loops", {}).get("fit_loop", {})
    epochs, batches = loops.get("epoch_progress"), loops.get("epoch_loop.batch_progress")
    if epochs is None or batches is None:
        return
    ended = epochs["current"]["processed"] == epochs["current"]["started"] > 0
    if not ended or (batches["is_last_batch"] and not counts_steps):
        return
    for span in ("current", "total"):
        epochs[span]["processed"] = epochs[span]["completed"] = epochs[span]["started"] - 1
        batches[span]["completed"] = batches[span]["processed"] - 1
    loops["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1

"""`fit --then_test=true`: the test of a run as its last act."""

from __future__ import annotations

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint


def run_test(trainer: L.Trainer, model: L.LightningModule, data: L.LightningDataModule) -> None:
    """Test the best checkpoint by the figure that was monitored, or else the last.

    A trainer that keeps none has the model as it is tested.

    Args:
        trainer: has fitted.
        model: that it fitted.
        data: has a test set.
    """
    keeps = trainer.checkpoint_callback
    path = None
    if isinstance(keeps, ModelCheckpoint):
        path = (keeps.best_model_path if keeps.monitor else "") or keeps.last_model_path or None
    # The report has the figures, by question; Trainer's own table would have them all once more.
    trainer.test(model, datamodule=data, ckpt_path=path, verbose=False, weights_only=True)

"""What a run keeps: by a figure that it measures, or it is said."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import lightning as L
import pytest

from lightning_ebm import SettingError
from lightning_ebm.checkpoints import RunCheckpoint, keeping


class SavedAt(L.Callback):
    """Notes after each epoch which step was the last that was saved."""

    def __init__(self, keeper: RunCheckpoint) -> None:
        self.keeper, self.steps = keeper, []

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note it when the next begins."""
        self.steps.append(self.keeper._last_global_step_saved)


@pytest.mark.parametrize(
    ("told", "saved"),
    [({}, [0, 4, 4, 4, 16]), ({"every_n_epochs": 1}, [0, 4, 8, 12, 16])],
    ids=["nothing", "every epoch"],
)
def test_epochs_that_come_too_soon_after_a_save_are_passed_over_but_not_the_last(
    told, saved, small_module, small_data, small_trainer, tmp_path, monkeypatch
):
    """Here a look at the clock takes a second, a save one, and three looks are a long time."""
    clock = itertools.count()
    monkeypatch.setattr(keeping, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(keeping, "SHARE", 1 / 2.5)
    keeper = RunCheckpoint(tmp_path / "kept", save_last=True, save_on_train_epoch_end=True, **told)
    seen = SavedAt(keeper)
    trainer = small_trainer(
        callbacks=[keeper, seen], enable_checkpointing=True, limit_train_batches=4, max_steps=20
    )
    trainer.fit(small_module("mala"), datamodule=small_data())
    assert seen.steps == saved
    assert keeper._last_global_step_saved == trainer.global_step == 20


@pytest.mark.parametrize("when", [{"every_n_train_steps": 2}, {"every_n_epochs": 1}])
def test_a_figure_that_is_not_measured_is_refused_at_the_first_validation(
    when, small_module, small_data, small_trainer, tmp_path
):
    trainer = small_trainer(
        callbacks=[RunCheckpoint(tmp_path / "kept", monitor="val/nil", **when)],
        enable_checkpointing=True,
        limit_val_batches=1,
        val_check_interval=3,
        max_steps=9,
    )
    with pytest.raises(SettingError, match=r"monitor is 'val/nil'.* give one of .*val/energy"):
        trainer.fit(small_module("mala"), datamodule=small_data())
    assert trainer.global_step == 3

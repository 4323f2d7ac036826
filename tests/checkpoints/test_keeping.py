"""What a run keeps: by a figure that it measures, or it is said."""

from __future__ import annotations

import pytest

from lightning_ebm import SettingError
from lightning_ebm.checkpoints import RunCheckpoint


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

"""ReduceLROnPlateau counts validations of a figure that exists; processes make up one run."""

from __future__ import annotations

import lightning as L
import pytest
from lightning.pytorch.cli import ReduceLROnPlateau

from lightning_ebm import SettingError
from lightning_ebm.evaluation.measures import Measure


class Falling(Measure):
    """A figure that is worse in every validation."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, evidence):
        self.calls += 1
        return {"fall": float(self.calls)}


def plateau(**settings):
    return lambda o: ReduceLROnPlateau(o, factor=0.1, patience=1, **settings)


@pytest.fixture
def trained(small_module, small_data, small_trainer, tmp_path):
    """Train 40 steps, 4 epochs with a validation each; return the energy's rates step by step."""

    def run(monitor, *, stopped_at=None, **settings):
        rates = []

        class Rates(L.Callback):
            def on_before_optimizer_step(self, trainer, pl_module, optimizer):
                rates.append(optimizer.param_groups[0]["lr"])

        module_settings = {
            "energy_scheduler": plateau(monitor=monitor),
            "measures": [Falling()],
            "flow": None,
            "sampler": "mala",
        } | settings.pop("module", {})
        trainer_settings = {"limit_val_batches": 1.0, "callbacks": [Rates()]} | settings
        path = None
        if stopped_at is not None:
            saver = L.pytorch.callbacks.ModelCheckpoint(tmp_path / "saved")
            keeping = {"enable_checkpointing": True, "callbacks": [Rates(), saver]}
            trainer = small_trainer(max_steps=stopped_at, **trainer_settings | keeping)
            trainer.fit(small_module(**module_settings), datamodule=small_data())
            path = saver.best_model_path
        small_trainer(max_steps=40, **trainer_settings).fit(
            small_module(**module_settings), datamodule=small_data(), ckpt_path=path
        )
        return rates

    return run


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("stopped_at", [None, 20])
def test_a_validation_is_one_observation_whatever_the_interval(interval, stopped_at, trained):
    rates = trained("val/fall", module={"scheduler_interval": interval}, stopped_at=stopped_at)
    # The second bad one, after 30 steps, is more than the patience of 1.
    assert rates == pytest.approx([1e-3] * 30 + [1e-4] * 10)


def test_a_monitor_that_does_not_exist_is_refused_after_the_first_validation(trained):
    with pytest.raises(SettingError, match=r"energy_scheduler.monitor is 'val/k1'.*val/fall"):
        trained("val/k1")


def test_a_plateau_without_validations_is_refused(trained):
    with pytest.raises(SettingError, match="counts validations, but there are none"):
        trained("val/fall", limit_val_batches=0)


@pytest.mark.parametrize(("started", "refused"), [("2", True), ("1", False)])
def test_processes_of_torchrun_are_one_run_or_refused(
    started, refused, small_module, small_data, small_trainer, monkeypatch, tmp_path
):
    for key, value in {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": started, "RANK": "0"}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("LOCAL_RANK", "0")
    trainer = small_trainer(max_steps=1, strategy="auto", devices=1)
    monkeypatch.setattr("torch.distributed.is_torchelastic_launched", lambda: True)
    if not refused:
        trainer.fit(small_module(), datamodule=small_data())
        return
    with pytest.raises(SettingError, match=r"torchrun has started 2 .*--trainer.devices=2"):
        trainer.fit(small_module(), datamodule=small_data())
    assert list(tmp_path.iterdir()) == []

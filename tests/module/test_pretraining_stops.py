"""A run that is told to stop while its flow is pre-trained goes on there, bit for bit."""

from __future__ import annotations

import logging
import os
import signal

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, Timer

import lightning_ebm.module.pretraining as pretraining
from tests.module.test_resume import assert_equal, everything

STEPS = 25
"""Of pre-training, two passes and a half over the data."""


class Noisy(torch.utils.data.Dataset):
    """Points with noise of their own, 320 of them."""

    def __len__(self) -> int:
        return 320

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([index / 320, 1.0]) + 0.1 * torch.randn(2)


@pytest.fixture
def trained(small_module, small_trainer, tmp_path):
    """Train to the end, keeping checkpoints in `kept`."""

    def run(workers: int = 0, path: object = None, **settings: object) -> L.LightningModule:
        own = {"max_steps": 4, "enable_checkpointing": True} | settings.pop("trainer", {})
        own["callbacks"] = [*own.get("callbacks", ()), ModelCheckpoint(tmp_path / "kept")]
        trainer = small_trainer(**own)
        module = small_module(
            "flow_mcmc",
            flow_pretraining=STEPS,
            flow_pretraining_scheduler=lambda o: torch.optim.lr_scheduler.StepLR(o, 5),
            **settings,
        )
        loader = torch.utils.data.DataLoader(
            Noisy(), batch_size=32, shuffle=True, num_workers=workers
        )
        trainer.fit(module, loader, ckpt_path=path)
        return module

    return run


@pytest.fixture
def sends(monkeypatch):
    """Have this process sent a signal in the middle of a step of pre-training."""
    step = pretraining.flow_step

    def at(number: int, received: signal.Signals) -> None:
        done = 0

        def sending(*args: object) -> None:
            nonlocal done
            done += 1
            if done == number:
                os.kill(os.getpid(), received)
            step(*args)

        monkeypatch.setattr(pretraining, "flow_step", sending)

    return at


@pytest.mark.parametrize(
    ("at", "number", "workers"),
    [(13, signal.SIGTERM, 0), (13, signal.SIGINT, 2), (20, signal.SIGUSR1, 0), (STEPS, 15, 0)],
)
def test_a_signal_saves_the_step_and_the_run_goes_on(
    at, number, workers, trained, sends, tmp_path, capfd
):
    straight = trained(workers, base="flow")
    before = signal.getsignal(number)
    sends(at, number)
    with pytest.raises(SystemExit) as stopped:
        trained(workers, base="flow")
    assert stopped.value.code == 128 + number
    path = tmp_path / "kept" / "last.ckpt"
    assert f"after step {at} of the flow's pre-training, saved in {path}" in capfd.readouterr().err
    assert signal.getsignal(number) == before
    sends(0, number)
    assert_equal(everything(trained(workers, path, base="flow")), everything(straight))


def test_it_can_be_stopped_again_and_again(trained, sends, tmp_path):
    straight = trained()
    path = None
    for at in (3, 4, 9):
        sends(at, signal.SIGTERM)
        with pytest.raises(SystemExit):
            trained(path=path)
        path = tmp_path / "kept" / "last.ckpt"
        assert list(path.parent.glob("last*")) == [path]
    saved = torch.load(path, weights_only=True)
    assert saved["lightning_ebm"]["flow_pretraining"]["step"] == 16
    sends(0, signal.SIGTERM)
    assert_equal(everything(trained(path=path)), everything(straight))


def test_the_time_limit_counts_it(trained, sends, monkeypatch, tmp_path):
    timer = Timer({"hours": 1})
    left = iter([9.0] * 6)
    monkeypatch.setattr(timer, "time_remaining", lambda *_: next(left, 0.0))
    with pytest.raises(SystemExit, match="124"):
        trained(trainer={"callbacks": [timer]})
    saved = torch.load(tmp_path / "kept" / "last.ckpt", weights_only=True)
    assert saved["lightning_ebm"]["flow_pretraining"]["step"] == 7
    (kept,) = [state for key, state in saved["callbacks"].items() if key.startswith("Timer")]
    assert kept["time_elapsed"]["train"] > 0


def test_other_settings_are_in_force_and_said(trained, sends, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("lightning.pytorch"), "propagate", True)
    sends(13, signal.SIGTERM)
    with pytest.raises(SystemExit):
        trained()
    sends(0, signal.SIGTERM)
    path = tmp_path / "kept" / "last.ckpt"
    with caplog.at_level("INFO"):
        trained(path=path, flow_optimizer=lambda p: torch.optim.Adam(p, lr=1e-4))
    assert "flow_pretraining_optimizer lr 0.0001 in place of" in caplog.text


def test_who_keeps_no_checkpoints_is_left_alone(trained, sends):
    sends(3, signal.SIGINT)
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit, match="1"):
            trained(trainer={"fast_dev_run": True})
    finally:
        # Lightning leaves it ignored.
        signal.signal(signal.SIGINT, before)

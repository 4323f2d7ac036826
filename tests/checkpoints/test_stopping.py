"""A run that is told to stop, or comes to its end, leaves a checkpoint of that very step."""

from __future__ import annotations

import os
import signal

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_ebm.checkpoints import WholeFiles


class Sends(L.Callback):
    """Sends this process a signal in the middle of a step, or of its validation."""

    def __init__(self, *signals, at_step=13, in_validation=False):
        self.signals, self.at_step, self.in_validation = signals, at_step, in_validation

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if not self.in_validation and trainer.global_step == self.at_step - 1:
            self._send()

    def on_validation_start(self, trainer, pl_module):
        if self.in_validation and not trainer.sanity_checking:
            self._send()

    def _send(self):
        for number in self.signals:
            os.kill(os.getpid(), number)


def step_of(path):
    return torch.load(path, weights_only=True)["global_step"]


@pytest.fixture
def keeps(small_trainer, tmp_path):
    """A trainer that keeps its checkpoints in `kept`; ten batches are an epoch."""

    def make(*callbacks, keeper=None, **settings):
        keeper = keeper or {"every_n_epochs": 100}
        saver = ModelCheckpoint(tmp_path / "kept", **keeper)
        callbacks = [*callbacks, saver]
        return small_trainer(enable_checkpointing=True, callbacks=callbacks, **settings)

    return make


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
@pytest.mark.parametrize("at_step", [13, 20])
def test_a_signal_saves_the_step_and_says_where(
    number, at_step, keeps, small_module, small_data, tmp_path, capfd
):
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as stopped:
        keeps(Sends(number, at_step=at_step), max_steps=40).fit(small_module(), small_data())
    assert stopped.value.code == 128 + number
    path = tmp_path / "kept" / "last.ckpt"
    assert step_of(path) == at_step
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("stopped by")]
    assert said == [
        f"stopped by {number.name} after step {at_step}, saved in {path}: "
        f"go on with --ckpt_path={path}"
    ]
    assert signal.getsignal(number) == before


def test_a_signal_waits_for_validation(keeps, small_module, small_data, tmp_path):
    trainer = keeps(
        Sends(signal.SIGTERM, in_validation=True),
        keeper={"monitor": "val/kl", "save_last": True, "every_n_train_steps": 100},
        limit_val_batches=1.0,
        max_steps=40,
        accumulate_grad_batches=5,
    )
    with pytest.raises(SystemExit, match="143"):
        trainer.fit(small_module(), datamodule=small_data())
    assert step_of(tmp_path / "kept" / "last.ckpt") == 2
    assert trainer.checkpoint_callback.best_model_score is not None


def test_a_signal_waits_for_accumulated_gradients(keeps, small_module, small_data, tmp_path):
    class BetweenSteps(Sends):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if batch_idx == 6:
                self._send()

    trainer = keeps(BetweenSteps(signal.SIGTERM, at_step=0), accumulate_grad_batches=5)
    with pytest.raises(SystemExit, match="143"):
        trainer.fit(small_module(), datamodule=small_data())
    saved = torch.load(tmp_path / "kept" / "last.ckpt", weights_only=True)
    progress = saved["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]
    assert (saved["global_step"], progress["ready"]) == (2, 10)


def test_a_second_interrupt_stops_at_once(keeps, small_module, small_data, tmp_path):
    trainer = keeps(Sends(signal.SIGINT, signal.SIGINT, at_step=3), max_steps=40)
    with pytest.raises(SystemExit, match="130"):
        trainer.fit(small_module(), datamodule=small_data())
    assert trainer.global_step == 2
    assert not (tmp_path / "kept").exists()


def test_a_handler_that_comes_with_the_workers_of_a_loader_stays(keeps, small_module, small_data):
    class Workers(Sends):
        def on_fit_start(self, trainer, pl_module):
            signal.signal(signal.SIGCHLD, lambda number, frame: received.append(number))

    received = []
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        trainer = keeps(Workers(signal.SIGCHLD, at_step=3), max_steps=5)
        trainer.fit(small_module(), datamodule=small_data())
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert received == [signal.SIGCHLD]
    assert trainer.global_step == 5


def test_a_users_own_handler_stays(keeps, small_module, small_data):
    received = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: received.append(number))
    try:
        trainer = keeps(Sends(signal.SIGUSR1), max_steps=15)
        trainer.fit(small_module(), datamodule=small_data())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert received == [signal.SIGUSR1]
    assert trainer.global_step == 15


@pytest.mark.parametrize(
    "keeper",
    [
        {"every_n_epochs": 100},
        {"every_n_train_steps": 1000},
        {"every_n_epochs": 100, "save_last": True},
        {"save_last": "link"},
        {"save_last": True},
        {"monitor": "val/kl", "mode": "max", "save_last": True},
        {"monitor": "val/kl", "save_on_train_epoch_end": False},
        {"monitor": "val/kl", "save_last": True, "save_top_k": -1},
        {"save_top_k": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "end", [{"max_steps": 20}, {"max_steps": 14}, {"max_epochs": 2, "max_steps": -1}], ids=str
)
def test_the_last_step_has_a_checkpoint(keeper, end, keeps, small_module, small_data, tmp_path):
    trainer = keeps(keeper=keeper, limit_val_batches=1.0, **end)
    trainer.fit(small_module("mala", search_steps=0), datamodule=small_data())
    steps = {path.name: step_of(path) for path in (tmp_path / "kept").iterdir()}
    assert max(steps.values()) == trainer.global_step
    assert not keeper.get("save_last") or steps["last.ckpt"] == trainer.global_step
    if keeper.get("save_top_k") == -1 and trainer.global_step == 20:
        assert "epoch=1-step=20.ckpt" in steps, "the last epoch was validated and not judged"
    if keeper.get("monitor"):
        assert trainer.checkpoint_callback.best_model_path


@pytest.mark.parametrize("last", [14, 21])
def test_a_last_step_that_was_due_has_its_own_file_too(
    last, keeps, small_module, small_data, tmp_path
):
    keeper = {"every_n_train_steps": 7, "save_top_k": -1, "save_last": True}
    trainer = keeps(keeper=keeper, max_steps=last)
    trainer.fit(small_module("mala"), datamodule=small_data())
    steps = {step_of(path) for path in (tmp_path / "kept").glob("epoch=*.ckpt")}
    assert steps == set(range(7, last + 1, 7))
    assert step_of(tmp_path / "kept" / "last.ckpt") == last


def test_who_keeps_no_checkpoints_is_left_alone(small_module, small_data, small_trainer, tmp_path):
    trainer = small_trainer(callbacks=[Sends(signal.SIGINT, at_step=3)])
    with pytest.raises(SystemExit, match="1"):
        trainer.fit(small_module(), datamodule=small_data())
    assert list(tmp_path.iterdir()) == []


def test_a_script_writes_whole_files(small_module, small_data, small_trainer):
    trainer = small_trainer(max_steps=1)
    trainer.fit(small_module(), datamodule=small_data())
    assert type(trainer.strategy.checkpoint_io) is WholeFiles


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """A job of one task, and an scontrol that notes what it is asked for."""
    asked = tmp_path / "asked"
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f"#!/bin/sh\necho $@ > {asked}\n")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", str(scontrol.parent), prepend=os.pathsep)
    for key, value in {"NTASKS": 1, "JOB_ID": 7, "JOB_NAME": "run", "PROCID": 0}.items():
        monkeypatch.setenv(f"SLURM_{key}", str(value))
    monkeypatch.setenv("SLURM_LOCALID", "0")
    monkeypatch.setenv("SLURM_NODEID", "0")
    return asked


def test_before_preemption_slurm_requeues_a_job_that_has_saved(
    slurm, keeps, small_module, small_data, tmp_path, capfd
):
    with pytest.raises(SystemExit, match="138"):
        keeps(Sends(signal.SIGUSR1), max_steps=40).fit(small_module(), small_data())
    assert slurm.read_text() == "requeue 7\n"
    assert step_of(tmp_path / "kept" / "last.ckpt") == 13
    assert step_of(tmp_path / "hpc_ckpt_1.ckpt") == 13
    assert "stopped by SIGUSR1 after step 13" in capfd.readouterr().err


def test_after_a_signal_at_the_end_of_an_epoch_the_run_goes_on_bit_for_bit(
    keeps, small_module, small_data, tmp_path
):
    settings = {"max_steps": 40}
    straight = small_module("mala", search_steps=0)
    keeps(**settings).fit(straight, datamodule=small_data())
    stopped = small_module("mala", search_steps=0)
    trainer = keeps(Sends(signal.SIGTERM, at_step=20), **settings)
    with pytest.raises(SystemExit):
        trainer.fit(stopped, datamodule=small_data())
    saved = trainer.checkpoint_callback._last_checkpoint_saved
    assert step_of(saved) == 20
    resumed = small_module("mala", search_steps=0)
    keeps(**settings).fit(resumed, datamodule=small_data(), ckpt_path=saved)
    for (key, first), second in zip(
        straight.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        if isinstance(first, torch.Tensor):
            assert first.equal(second), key

"""A job of SLURM that is about to be preempted saves, is requeued, and goes on by itself."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import lightning as L
import pytest
import torch

from lightning_ebm.cli import main
from lightning_ebm.module import pretraining
from tests.cli.test_wrong_commands import BASE

RUN = BASE.replace("max_steps: 2", "max_steps: 6").replace("_pretraining: 1", "_pretraining: 5")
FIT = ["fit", "--config=base.yaml", "--model.sampler=flow_mcmc"]
SENDS = "--trainer.callbacks+=tests.cli.test_slurm.Sends"


class Sends(L.Callback):
    """Sends this process a signal in the middle of the third step."""

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if trainer.global_step == 2:
            os.kill(os.getpid(), int(os.environ["SENT"]))


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """What a run that is not disturbed comes to."""
    folder = tmp_path_factory.mktemp("straight")
    (folder / "base.yaml").write_text(RUN)
    with contextlib.chdir(folder):
        main(FIT)
    (path,) = folder.rglob("last.ckpt")
    return torch.load(path, weights_only=True)


@pytest.fixture(autouse=True)
def job(tmp_path, monkeypatch):
    """Be a job of one task, with an scontrol that notes what it is asked for."""
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(RUN)
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f"#!/bin/sh\necho $@ >> {tmp_path}/asked\n")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", str(scontrol.parent), prepend=os.pathsep)
    ids = {"NTASKS": 1, "JOB_ID": 7, "JOB_NAME": "run", "PROCID": 0, "LOCALID": 0, "NODEID": 0}
    for key, value in ids.items():
        monkeypatch.setenv(f"SLURM_{key}", str(value))


def assert_gone_on(straight: dict) -> None:
    """The very command, started again, ends as the run that was not disturbed, in its folder."""
    main(FIT)
    (path,) = Path("lightning_logs").rglob("last.ckpt")
    ended = torch.load(path, weights_only=True)
    assert ended["global_step"] == 6
    for kept in ("state_dict", "lightning_ebm"):
        first, second = (torch.utils._pytree.tree_leaves(c[kept]) for c in (straight, ended))
        assert len(first) == len(second)
        for mine, other in zip(first, second, strict=True):
            same = torch.equal(mine, other) if torch.is_tensor(mine) else mine == other
            assert same or mine != mine


def test_the_signal_before_preemption(straight, capfd, monkeypatch):
    monkeypatch.setenv("SENT", str(int(signal.SIGUSR1)))
    with pytest.raises(SystemExit, match="138"):
        main([*FIT, SENDS])
    assert Path("asked").read_text() == "requeue 7\n"
    assert "stopped by SIGUSR1 after step 3" in capfd.readouterr().err
    assert torch.load("hpc_ckpt_1.ckpt", weights_only=True)["global_step"] == 3
    assert_gone_on(straight)


def test_while_the_flow_is_pretrained(straight, capfd, monkeypatch):
    step, done = pretraining.flow_step, []

    def sending(*args: object) -> None:
        done.append(step(*args))
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGUSR1)

    monkeypatch.setattr(pretraining, "flow_step", sending)
    with pytest.raises(SystemExit, match="138"):
        main(FIT)
    assert Path("asked").read_text() == "requeue 7\n"
    assert "stopped by SIGUSR1 after step 2 of the flow's pre-training" in capfd.readouterr().err
    assert_gone_on(straight)
    assert len(done) == 5


def test_being_told_to_end_saves_and_leaves_requeuing_to_slurm(monkeypatch):
    monkeypatch.setenv("SENT", str(int(signal.SIGTERM)))
    with pytest.raises(SystemExit, match="143"):
        main([*FIT, SENDS])
    assert not Path("asked").exists()
    (path,) = Path("lightning_logs").rglob("last.ckpt")
    assert torch.load(path, weights_only=True)["global_step"] == 3

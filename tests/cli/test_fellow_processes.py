"""A fault in one of several processes ends all, in one sentence, with the status of that fault."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from lightning_ebm.checkpoints.reading import read, step
from lightning_ebm.cli.failures import OtherFailedError, end
from lightning_ebm.cli.fault_board import VARIABLE, FaultBoard
from lightning_ebm.errors import SettingError
from tests.cli.test_wrong_commands import BASE

TWO = ["--trainer.strategy=ddp", "--trainer.devices=2"]
SECOND_FAILS = """
import os
import signal

import lightning as L
import lightning_ebm.objectives
import torch

second = os.environ.get("LOCAL_RANK") == "1"


def fail(*_):
    raise RuntimeError("ours")


def overflow(energy, points, values):
    learns = all(p.requires_grad for p in energy.parameters())
    return values * float("inf") if learns else values


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 640

    def __getitem__(self, row):
        if second and os.environ["FAULT"] == "data":
            raise KeyError(f"row {row}")
        return torch.randn(2)


class Data(L.LightningDataModule):
    def __init__(self):
        super().__init__()
        if second and os.environ["FAULT"] == "constructor":
            raise ValueError("too few rows")

    def train_dataloader(self):
        return torch.utils.data.DataLoader(Rows(), batch_size=32)


class Faults(L.Callback):
    def on_train_batch_start(self, trainer, module, batch, number):
        fault = os.environ["FAULT"] if second and trainer.global_step == 1 else None
        if fault in ("SIGKILL", "SIGTERM"):
            os.kill(os.getpid(), signal.Signals[fault])
        if fault == "library":
            lightning_ebm.objectives.likelihood_loss = fail
        if fault == "diverges":
            module.energy.register_forward_hook(overflow)
"""


@pytest.fixture
def second_fails(tmp_path):
    """Run a command by two processes of which the second fails; what came of it."""
    (tmp_path / "faulty.py").write_text(SECOND_FAILS)
    base, _, pictures = BASE.replace("max_steps: 2", "max_steps: 3").partition("data:")
    pictures = pictures[pictures.index("pictures:") :]
    (tmp_path / "base.yaml").write_text(
        base.replace("flow_pretraining: 1", "flow_pretraining: 0")
        + "data: {class_path: faulty.Data}\n"
        + pictures
    )

    def run(
        fault: str,
        *args: str,
        starter: tuple[str, ...] = (),
        largest_file: int = resource.RLIM_INFINITY,
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *starter, "-m", "lightning_ebm", "fit", "--config=base.yaml"]
        settings = {"FAULT": fault, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [*command, *TWO, "--trainer.callbacks+=faulty.Faults", *args],
            cwd=tmp_path, env=os.environ | settings,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file,) * 2),
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return run


def the_error(printed: str) -> str:
    (line,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    return line


SLOW = pytest.mark.slow
FAULTS = [
    pytest.param("data", 2, "data (Rows) failed: KeyError: 'row"),
    pytest.param("constructor", 2, "data (Data) refuses its settings: too few rows", marks=SLOW),
    pytest.param("diverges", 3, "energy of data", marks=SLOW),
    pytest.param("library", 1, "stopped by RuntimeError: ours", marks=SLOW),
    pytest.param("SIGKILL", 1, "process 1 of the command was killed by SIGKILL", marks=SLOW),
]


@pytest.mark.parametrize(("fault", "status", "words"), FAULTS)
def test_all_end_with_the_sentence_and_status_of_the_one(
    fault, status, words, second_fails, tmp_path
):
    ended = second_fails(fault)
    assert ended.returncode == status, ended.stderr[-3000:]
    assert words in the_error(ended.stderr)
    assert "Traceback" not in ended.stderr
    trained = fault in {"diverges", "library", "SIGKILL"}
    assert list(tmp_path.rglob("version_*")) == [] or trained
    log = list(tmp_path.rglob("lightning_error.log"))
    assert len(log) == (fault not in {"constructor", "SIGKILL"})


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "status", "words"), FAULTS[:3])
def test_torchrun_is_told_the_same(fault, status, words, second_fails, tmp_path):
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    ended = second_fails(fault, starter=torchrun)
    assert ended.returncode == 1
    assert words in the_error(ended.stderr)
    assert f"exitcode  : {status}" in ended.stderr


@pytest.mark.slow
def test_a_signal_to_one_stops_all_with_the_step_saved(second_fails, tmp_path):
    ended = second_fails("SIGTERM")
    assert ended.returncode == 143, ended.stderr[-3000:]
    assert ended.stderr.count("stopped by SIGTERM after step 2, saved in ") == 1
    assert "error: " not in ended.stderr
    (path,) = tmp_path.rglob("last.ckpt")
    assert step(read(path)) == 2


@pytest.mark.slow
def test_a_disk_without_room_ends_all_with_the_last_checkpoint_whole(second_fails, tmp_path):
    second_fails("none")
    (path,) = tmp_path.rglob("last.ckpt")
    before = path.read_bytes()
    more = ("--ckpt_path=last", "--trainer.max_steps=6", "--checkpoint.every_n_train_steps=2")
    ended = second_fails("none", *more, largest_file=len(before) // 2)
    assert ended.returncode == 2, ended.stderr[-3000:]
    assert "there is no room to write" in the_error(ended.stderr)
    assert path.read_bytes() == before
    assert step(read(path)) == 3
    assert [p for p in path.parent.rglob("*") if p.suffix != ".ckpt"] == []


@pytest.fixture
def board(tmp_path, monkeypatch):
    """Make the board of a process of two that Lightning has started."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    def make(rank: int) -> FaultBoard:
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        return FaultBoard()

    return make


def test_the_first_to_fail_speaks_and_all_have_its_status(board, capfd):
    with pytest.raises(SystemExit, match="2"):
        end(SettingError("mine"), board(1))
    assert capfd.readouterr().err == "error: mine\n"
    for later in (RuntimeError("lost"), OtherFailedError(2)):
        with pytest.raises(SystemExit, match="2"):
            end(later, board(0))
    assert capfd.readouterr().err == ""


def test_alone_nothing_is_posted(monkeypatch, capfd):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    board = FaultBoard()
    assert board.folder is None
    for _ in range(2):
        with pytest.raises(SystemExit, match="2"):
            end(SettingError("mine"), board)
    assert capfd.readouterr().err == "error: mine\n" * 2
    assert board.awaited(60.0, lambda: False) is None

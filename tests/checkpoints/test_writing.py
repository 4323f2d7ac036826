"""A checkpoint is there whole or not at all, and nothing unfinished stays."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lightning_ebm.checkpoints import WholeFiles
from lightning_ebm.checkpoints.writing import UNFINISHED
from lightning_ebm.errors import SettingError

FIRST, SECOND = {"weights": torch.zeros(100_000)}, {"weights": torch.ones(100_000)}


def test_a_file_is_replaced_by_a_whole_one(tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    for contents in (FIRST, SECOND):
        WholeFiles().save_checkpoint(contents, path)
    assert torch.load(path)["weights"].equal(SECOND["weights"])
    assert os.listdir(path.parent) == ["last.ckpt"]


def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path):
    WholeFiles().save_checkpoint(FIRST, tmp_path / "a.ckpt")
    (tmp_path / "last.ckpt").symlink_to("a.ckpt")
    WholeFiles().save_checkpoint(SECOND, tmp_path / "last.ckpt")
    assert torch.load(tmp_path / "a.ckpt")["weights"].equal(FIRST["weights"])


def test_it_is_on_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    done = []
    for module, name in ((os, "fsync"), (Path, "replace")):
        called = getattr(module, name)

        def note(*args, called=called, name=name):
            done.append(name)
            return called(*args)

        monkeypatch.setattr(module, name, note)
    WholeFiles().save_checkpoint(FIRST, tmp_path / "last.ckpt")
    assert done == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("failure", ["full", "interrupted"])
def test_a_failure_keeps_the_earlier_file_and_nothing_else(failure, tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeFiles().save_checkpoint(FIRST, path)
    if failure == "full":
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        try:
            with pytest.raises(SettingError, match=r"no room to write .*last\.ckpt \("):
                WholeFiles().save_checkpoint(SECOND, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    else:
        monkeypatch.setattr(os, "fsync", lambda descriptor: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            WholeFiles().save_checkpoint(SECOND, path)
    assert torch.load(path)["weights"].equal(FIRST["weights"])
    assert os.listdir(tmp_path) == ["last.ckpt"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / "last.ckpt"
    WholeFiles().save_checkpoint(FIRST, path)
    writing = (
        "import os, time, torch; from pathlib import Path\n"
        "from lightning_ebm.checkpoints import WholeFiles\n"
        "os.fsync = lambda descriptor: time.sleep(100)\n"
        f"WholeFiles().save_checkpoint({{'weights': torch.ones(9)}}, '{path}')"
    )
    writer = subprocess.Popen([sys.executable, "-c", writing])
    deadline = time.monotonic() + 60
    while not (left := list(tmp_path.glob(UNFINISHED.format("*")))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while _is_free(left[0]):
        time.sleep(0.05)
    foreign = tmp_path / ".somebody.unfinished"
    foreign.touch()

    WholeFiles().save_checkpoint(SECOND, path)
    assert left[0].exists(), "its writer lives"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert left[0].exists()
    WholeFiles().save_checkpoint(SECOND, path)
    assert {p.name for p in tmp_path.iterdir()} == {"last.ckpt", foreign.name}


def _is_free(path):
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True

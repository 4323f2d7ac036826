"""A test or a prediction of which nothing could be kept is refused before it is computed."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from lightning_ebm import SettingError
from lightning_ebm.callbacks import MetricsFile, SampleFiles
from lightning_ebm.checkpoints.writing import write_whole


@pytest.fixture
def run(small_module, small_data, small_trainer, tmp_path: Path):
    trainer = small_trainer()
    trainer.fit(small_module("ula"), datamodule=small_data())
    path = tmp_path / "run/checkpoints/last.ckpt"
    trainer.save_checkpoint(path)
    return path


@pytest.mark.parametrize(("looks", "callback"), [("test", MetricsFile), ("predict", SampleFiles)])
def test_a_folder_that_is_read_only_is_refused_first(
    looks, callback, run, small_module, small_trainer, monkeypatch
):
    plain = tempfile.TemporaryFile

    def refuse(*args, dir=None, **kwargs):
        if dir is not None and Path(dir) == run.parent.parent:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return plain(*args, dir=dir, **kwargs)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    module = small_module("ula")
    monkeypatch.setattr(type(module), f"{looks}_step", lambda *_: pytest.fail("it was computed"))
    trainer = small_trainer(callbacks=[callback()])
    with pytest.raises(SettingError, match=r"ckpt_path is .* nothing can be written .*Read-only"):
        getattr(trainer, looks)(module, DataLoader(torch.zeros(4, 2)), ckpt_path=run)


def test_figures_that_cannot_be_written_are_printed(
    run, small_module, small_data, small_trainer, monkeypatch, capsys
):
    def fails(path, contents):
        if path.name == "metrics.json":
            raise SettingError("the disk is full")
        write_whole(path, contents)

    monkeypatch.setattr("lightning_ebm.callbacks.metrics_file.write_whole", fails)
    trainer = small_trainer(callbacks=[MetricsFile()])
    with pytest.raises(SettingError, match="full"):
        trainer.test(small_module("ula"), datamodule=small_data(), ckpt_path=run)
    assert '"test/energy"' in capsys.readouterr().out

"""What is no mistake of the user's keeps its traceback in a file, and the one line says where."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

from lightning_ebm import EBMLightningModule, SettingError
from lightning_ebm.cli import main
from lightning_ebm.cli.faults import fault_in
from lightning_ebm.data import KnownDensity
from tests.cli.test_wrong_commands import BASE, one_line

FIT = ["fit", "--config=base.yaml"]


@pytest.fixture
def stopped(tmp_path, monkeypatch, capfd):
    """Run a command that ends badly; its status and all that it printed on stderr."""
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(BASE)

    def run(*args: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stop:
            main([*FIT, *args])
        return stop.value.code, capfd.readouterr().err

    return run


@pytest.mark.parametrize(
    ("failure", "status", "sentence"),
    [
        (FloatingPointError("training diverged at step 1"), 3, "training diverged at step 1"),
        (RuntimeError("two\nlines"), 1, "stopped by RuntimeError: two lines"),
    ],
)
def test_the_traceback_is_kept(failure, status, sentence, stopped, monkeypatch):
    def fail(*_):
        raise failure

    monkeypatch.setattr("lightning_ebm.objectives.likelihood_loss", fail)
    code, said = stopped()
    assert code == status
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in said
    found = re.fullmatch(rf"error: {sentence} \(traceback: (.*)\)", line)
    log = Path(found.group(1))
    assert log.parent.resolve() == Path("lightning_logs/version_0").resolve()
    assert "in fail" in log.read_text()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_more(code, stopped, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(code, "the disk says no", "run/last.ckpt")

    monkeypatch.setattr("lightning.pytorch.trainer.trainer.Trainer.save_checkpoint", full)
    status, said = stopped()
    assert status == 2
    assert "error: run/last.ckpt cannot be written or read (the disk says no): make room" in said


def test_a_disk_that_is_full_before_the_first_step(stopped, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    line = one_line(stopped()[1], 2, tmp_path)
    assert "trainer.default_root_dir is" in line
    assert "No space left on device" in line


def test_a_fault_after_the_first_step_takes_no_file_away(stopped, monkeypatch):
    """Points that are not finite, met in the second epoch, when a checkpoint is there."""
    drawn = KnownDensity._draw

    def spoilt(data: KnownDensity, size: int, purpose: int) -> torch.Tensor:
        points = drawn(data, size, purpose)
        if purpose == 1:
            points[-1] = torch.nan
        return points

    monkeypatch.setattr(KnownDensity, "_draw", spoilt)
    status, said = stopped(
        "--trainer.limit_val_batches=1.0",
        "--trainer.num_sanity_val_steps=0",
        "--trainer.max_epochs=2",
        "--trainer.max_steps=-1",
        "--trainer.check_val_every_n_epoch=2",
    )
    assert status == 2
    assert "error: data has NaN or infinite values" in said
    assert Path("lightning_logs/version_0/checkpoints/last.ckpt").is_file()
    assert Path("lightning_logs/version_0/config.yaml").is_file()


def test_older_files_stay_where_a_command_is_refused(stopped, tmp_path):
    Path("config.yaml").write_text("mine: true\n")
    Path("notes.txt").write_text("mine\n")
    status, _ = stopped("--model.energy.event_shape=[3]", "--trainer.default_root_dir=.")
    assert status == 2
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {"config.yaml", "notes.txt", "base.yaml"}
    assert Path("config.yaml").read_text() == "mine: true\n"


def test_checkpoints_are_read_as_data_unless_told_otherwise(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(BASE)
    main(FIT)
    seen = []
    load = torch.load

    def watched(*args, **options):
        seen.append(options.get("weights_only"))
        return load(*args, **options)

    monkeypatch.setattr(torch, "load", watched)
    resume = "--ckpt_path=lightning_logs/version_0/checkpoints/last.ckpt"
    main([*FIT, resume, "--trainer.max_steps=3"])
    assert seen
    assert set(seen) == {True}
    seen.clear()
    checkpoint = load("lightning_logs/version_0/checkpoints/last.ckpt", weights_only=True)
    torch.save(checkpoint | {"mine": Path("of my own")}, "mine.ckpt")
    resume = "--ckpt_path=mine.ckpt"
    with pytest.warns(UserWarning, match="may run any code"):
        main([*FIT, resume, "--trainer.max_steps=3", "--weights_only=false"])
    assert False in seen


def test_from_python_no_address_is_loaded_and_no_code_run(tmp_path):
    for address in ("http://127.0.0.1:9/last.ckpt", "https://example.org/last.ckpt"):
        with pytest.raises(SettingError, match="an address"):
            EBMLightningModule.load_from_checkpoint(address)
    torch.save({"state_dict": {}, "bomb": Path}, tmp_path / "bomb.ckpt")
    with pytest.raises(SettingError, match="not run"):
        EBMLightningModule.load_from_checkpoint(tmp_path / "bomb.ckpt")


def test_a_callback_of_lightnings_that_cannot_work_is_the_users_choice():
    trainer = SimpleNamespace(callback_metrics={}, fast_dev_run=False)
    with pytest.raises(RuntimeError) as failure:
        EarlyStopping("val/mood")._run_early_stopping_check(trainer)
    fault = fault_in(failure.value, {})
    assert isinstance(fault, SettingError)
    assert re.search("trainer.callbacks has EarlyStopping, .*`val/mood`.*: leave", str(fault))


def test_what_fails_beneath_such_a_callback_in_the_library_is_a_fault_of_it():
    class Trainer:
        @property
        def callback_metrics(self):
            return energies_of_nothing()

    def energies_of_nothing():
        return EBMLightningModule.problem(None)

    with pytest.raises(AttributeError) as failure:
        EarlyStopping("val/mood")._run_early_stopping_check(Trainer())
    assert fault_in(failure.value, {}) is None

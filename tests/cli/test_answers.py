"""Version, unknown subcommands, a reader that is gone, and the test that follows a fit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_ebm.cli.then_test import run_test
from tests.cli.test_run import SMALL
from tests.conftest import COMMAND


def test_version_has_a_line_each(inside):
    names = ("lightning-ebm", "torch", "lightning")
    wanted = [f"{name} {version(name)}" for name in names]
    assert inside("--version").splitlines() == [*wanted, f"Python {platform.python_version()}"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["tets"], "no subcommand is called 'tets' (did you mean 'test'?): choose fit, "),
        (["xyzzy", "--help"], "no subcommand is called 'xyzzy': choose fit, "),
        (
            [],
            "a subcommand is missing: choose fit, validate, test, predict, samplers, reproduce, ",
        ),
    ],
)
def test_a_subcommand_that_is_missing_or_misspelt(args, said, inside, capfd):
    with pytest.raises(SystemExit) as stop:
        inside(*args)
    assert stop.value.code == 2
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        ["samplers"],
        ["samplers", "ula"],
        ["--help"],
        ["fit", "--help"],
        ["--version"],
        ["fit", "--config=two_modes.yaml", *SMALL, "--data.train_size=1024", "--then_test=true"],
    ],
    ids=lambda args: " ".join(args)[:20],
)
@pytest.mark.thinned(2)
@pytest.mark.parametrize("buffering", ["", "1"])
def test_a_command_whose_reader_is_gone_ends_quietly(args, buffering, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    outcome = subprocess.run(
        [sys.executable, str(COMMAND), *args],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": buffering},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    os.close(writing)
    assert outcome.returncode == 141, outcome.stderr[-2000:]
    assert "Broken" not in outcome.stderr
    assert "error: " not in outcome.stderr
    assert not list(tmp_path.rglob("lightning_error.log"))


def test_fit_then_tests_the_last_checkpoint_in_its_folder(inside, tmp_path):
    printed = inside(
        "fit", "--config=two_modes.yaml", *SMALL, "--data.train_size=1024", "--then_test=true"
    )
    assert "test/nll" in printed
    assert "Test metric" not in printed
    assert "will override" not in printed
    (run,) = (tmp_path / "lightning_logs").iterdir()
    described = json.loads((run / "metrics.json").read_text())["run"]
    assert described["checkpoint"].endswith("version_0/checkpoints/last.ckpt")
    assert described["seed"] == 0
    # It is said to one command, and describes no run.
    assert "then_test" not in (run / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("monitor", "best", "last", "path"),
    [
        (None, "best", "last", "last"),
        ("val/nll", "best", "last", "best"),
        ("val/nll", "", "last", "last"),
        (None, "", "", None),
    ],
)
def test_the_best_is_tested_where_a_figure_is_monitored(monitor, best, last, path):
    keeps, given = ModelCheckpoint(monitor=monitor), {}
    keeps.best_model_path, keeps.last_model_path = best, last
    trainer = SimpleNamespace(
        checkpoint_callback=keeps, test=lambda model, **settings: given.update(settings)
    )
    run_test(trainer, None, None)
    assert given["ckpt_path"] == path
    assert given["verbose"] is False

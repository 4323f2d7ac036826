"""A run shows its own bar and figures, and ends by saying where it lies and how to go on."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from jsonargparse import Namespace

from lightning_ebm.cli.ending import progress_bar
from lightning_ebm.module.lean_trainer import SparingProgressBar

SMALL = (
    "--config=two_modes.yaml",
    "--data.train_size=1024",
    "--trainer.max_steps=4",
    "--trainer.accelerator=cpu",
    "--trainer.log_every_n_steps=2",
    "--model.flow_pretraining=2",
    "--trainer.limit_val_batches=0",
)


def trainer(**settings: object) -> Namespace:
    plain = {"callbacks": None, "enable_progress_bar": None, "barebones": False}
    return Namespace(**plain | settings)


def own(name: str) -> Namespace:
    return Namespace(class_path=f"lightning.pytorch.callbacks.{name}")


@pytest.mark.parametrize(
    ("settings", "ours"),
    [
        ({}, True),
        ({"callbacks": [own("EarlyStopping")]}, True),
        ({"callbacks": [own("RichProgressBar")]}, False),
        ({"callbacks": own("TQDMProgressBar")}, False),
        ({"enable_progress_bar": False}, False),
        ({"barebones": True}, False),
    ],
    ids=str,
)
def test_the_bar_is_ours_unless_another_or_none_is_asked_for(settings, ours):
    bars = progress_bar(trainer(**settings))
    assert [type(bar) for bar in bars] == [SparingProgressBar] * ours


def test_a_fit_shows_loss_and_acceptance_and_the_commands_to_go_on_with(inside):
    shown = inside("fit", *SMALL)
    assert "loss=" in shown
    assert "acceptance of flow=" in shown
    assert "v_num" not in shown
    lines = shown.splitlines()
    lies = next(i for i, line in enumerate(lines) if line.startswith("The run lies in "))
    assert "lightning_logs/version_0, its model is lightning_logs/version_0/" in lines[lies]
    ways = [line.partition(":") for line in lines[lies + 1 : lies + 4]]
    assert [way[0] for way in ways] == ["watch it", "test it", "sample it"]
    command = shlex.split(ways[2][2])
    assert command[0] == "lightning"
    inside(*command[1:])
    assert Path("lightning_logs/version_0/samples.npz").is_file()


def test_a_run_that_keeps_nothing_says_nothing(inside):
    shown = inside("fit", *SMALL, "--trainer.fast_dev_run=true")
    assert "test it" not in shown
    assert not Path("checkpoints").exists()

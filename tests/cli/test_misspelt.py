"""A misspelt key is told at once, by what the classes' source says, which agrees with them."""

from __future__ import annotations

import inspect

import lightning as L
import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_ebm import EBMLightningModule
from lightning_ebm.callbacks import Pictures
from lightning_ebm.cli.misspelt import refuse_misspelt
from lightning_ebm.errors import SettingError

CLASSES = {
    "trainer": L.Trainer,
    "model": EBMLightningModule,
    "pictures": Pictures,
    "checkpoint": ModelCheckpoint,
}


@pytest.mark.parametrize("group", CLASSES)
def test_every_setting_of_a_class_passes_and_none_else(group):
    names = list(inspect.signature(CLASSES[group].__init__).parameters)[1:]
    assert len(names) > 2
    refuse_misspelt(["fit", *(f"--{group}.{name}=1" for name in [*names, "help"])])
    for name in names:
        with pytest.raises(SettingError, match=rf"no option is called --{group}.{name}x=1 "):
            refuse_misspelt(["fit", f"--{group}.{name}x=1"])


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("--trainer.max_stepz=3", "--trainer.max_steps"),
        ("--trianer.max_steps", "--trainer.max_steps"),
        ("--model.samplr.init_args.size=3", "--model.sampler.init_args.size"),
        ("--trainer.callback+=Timer", "--trainer.callbacks"),
        ("--dta.path=x", "--data.path"),
    ],
)
def test_what_may_be_meant_is_said(option, meant):
    with pytest.raises(SettingError) as caught:
        refuse_misspelt(["fit", "--config", "two_modes.yaml", option])
    assert f"no option is called {option} (did you mean {meant}?): " in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [
        "--trainer.callbacks+=Timer",
        "--model.sampler.init_args.anything=1",
        "--data.anything=1",
        "--config=a.b.yaml",
        "-c.yaml",
        "a.b",
        "--seed_everything=1.5",
        "--print_config=skip_null",
        "--ckpt_path=a.ckpt",
    ],
)
def test_what_only_the_parser_can_judge_passes(option):
    refuse_misspelt(["fit", option])


def test_what_is_like_no_setting_suggests_none():
    with pytest.raises(SettingError) as caught:
        refuse_misspelt(["fit", "--pictures.x=1"])
    assert "did you mean" not in str(caught.value)

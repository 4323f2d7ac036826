"""What is no number where one belongs is refused by its key, whatever compares it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from lightning_ebm import MLP, EBMLightningModule, SettingError
from lightning_ebm.callbacks import Pictures
from lightning_ebm.data import (
    Checkerboard,
    FourModes,
    FromFile,
    Moons,
    OppositeModes,
    RingOfEight,
    Rings,
    TwoModes,
)
from lightning_ebm.evaluation.measures import ImageDistances, SampledClassWeights, SampleDistances
from lightning_ebm.kernels import HMC, MALA, CrankNicolson, Cycle, GeneralisedHMC
from lightning_ebm.registry import find
from lightning_ebm.starts import Persistent
from lightning_ebm.tempering import Ladder
from lightning_ebm.transforms import Dequantise, GaussianNoise, Logit, Scale


def module(**settings: object) -> EBMLightningModule:
    return EBMLightningModule(MLP([2], [4]), find("mala")(), **settings)


def images(**settings: object) -> ImageDistances:
    return ImageDistances(nn.Flatten(), **settings)


NUMBERS = [
    (HMC, "step_size"), (HMC, "n_leapfrog"),
    (GeneralisedHMC, "persistence"), (Persistent, "restart"),
    (Checkerboard, "half_width"), (FourModes, "scale"), (FourModes, "separation"),
    (Moons, "radius"), (Moons, "scale"), (Moons, "weight"),
    (OppositeModes, "scale"), (OppositeModes, "weight"), (OppositeModes, "distance"),
    (RingOfEight, "scale"), (RingOfEight, "radius"), (Rings, "scale"),
    (TwoModes, "scale"), (TwoModes, "weight"), (TwoModes, "separation"),
    (FromFile, "validation_share"), (FromFile, "test_share"), (FromFile, "noise"),
    (FromFile, "batch_size"), (FromFile, "seed"),
    (Ladder, "rate"), (Dequantise, "levels"), (Logit, "margin"), (Scale, "low"), (Scale, "high"),
    (find("coopflow"), "data_share"),
    (SampleDistances, "n_points"), (SampledClassWeights, "n_training"),
    (images, "kid_subset_size"),
    (module, "temperature"), (module, "difference_penalty"), (module, "n_samples"),
]  # fmt: skip
OR_NONE = [
    (HMC, "target_acceptance"), (MALA, "target_acceptance"),
    (GeneralisedHMC, "target_acceptance"), (GeneralisedHMC, "drift"),
    (Ladder, "max_rejection"), (find("flow_mcmc"), "data_share"),
    (find("flow_tempering"), "max_rejection"), (find("flow_tempering"), "max_age"),
    (module, "energy_clip"), (module, "flow_clip"), (module, "energy_average"),
    (module, "n_chains"),
]  # fmt: skip
LISTS = [
    (HMC, "mass"), (CrankNicolson, "shares"), (find("flow_mcmc"), "shares"),
    (Rings, "radii"), (Rings, "weights"),
    (lambda **given: Cycle([MALA()], **given), "repeats"),
    (Pictures, "show_range"),
]  # fmt: skip
WRONG = ["x", math.nan, True]


@pytest.fixture
def points(tmp_path, monkeypatch):
    """A file for whoever reads one."""
    monkeypatch.chdir(tmp_path)
    torch.save(torch.zeros(4, 2), "points.pt")


def refused(make: Callable[..., object], key: str, value: object) -> None:
    given = {"path": "points.pt"} if make is FromFile else {}
    with pytest.raises(SettingError, match=key.removesuffix("s")):
        make(**given, **{key: value})


@pytest.mark.usefixtures("points")
@pytest.mark.parametrize(("make", "key"), NUMBERS + OR_NONE)
def test_numbers(make, key):
    for value in [*WRONG, *([None] if (make, key) in NUMBERS else [])]:
        refused(make, key, value)


@pytest.mark.parametrize(("make", "key"), LISTS)
def test_lists_of_numbers(make, key):
    for value in [*WRONG[:2], None]:
        refused(make, key, [value])


def test_noise():
    for value in [*WRONG, None]:
        with pytest.raises(SettingError, match="no standard deviation"):
            GaussianNoise(value)

"""Training says, once, that chains stand at zero density or have stopped."""

import math
import warnings

import pytest
import torch

from lightning_ebm import MCMC, Draw
from lightning_ebm.kernels import MALA
from lightning_ebm.module.chain_watch import PATIENCE, ChainWatch
from lightning_ebm.starts import Noise, Persistent


def draw(**info):
    return Draw(torch.zeros(40, 2), {key: torch.tensor(value) for key, value in info.items()})


def said_of(watch, draws):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for one in draws:
            watch.see(one)
    return [str(warning.message) for warning in caught]


def test_chains_left_at_zero_density_are_counted_once():
    (said,) = said_of(ChainWatch(), [draw(zero_density_left=0.25, unmoved=0.3)] * 3)
    assert said.startswith("10 of 40 chains stand where the model's density is zero")
    assert "FromData" in said
    assert said_of(ChainWatch(), [draw(zero_density=1.0, zero_density_left=0.0)] * 3) == []


def test_chains_that_all_stand_still_for_long_are_said_once():
    still, moving = draw(unmoved=1.0), draw(unmoved=0.975)
    watch = ChainWatch()
    assert said_of(watch, [still] * (PATIENCE - 1) + [moving] + [still] * (PATIENCE - 1)) == []
    (said,) = said_of(watch, [still] * 3 * PATIENCE)
    assert said.startswith("none of the 40 chains has moved for 50 draws")
    assert "step_size" in said


def test_chains_that_age_faster_than_they_are_renewed_are_said_once():
    watch = ChainWatch()
    renewed = [draw(age=150.0 + (k % 9), rounds=1.0) for k in range(120)]
    assert said_of(watch, renewed) == []
    (said,) = said_of(watch, [draw(age=2.0 * (150 + k), rounds=2.0) for k in range(120)])
    assert said.startswith("the energy moves faster than chains follow")
    assert "n_rounds" in said
    young = [draw(age=float(k), rounds=1.0) for k in range(90)]
    assert said_of(ChainWatch(), young) == []


def test_samplers_that_report_nothing_are_not_judged():
    assert said_of(ChainWatch(), [draw()] * 2 * PATIENCE) == []


def test_a_fit_warns_of_frozen_chains(small_module, small_data, small_trainer):
    module = small_module(MCMC(Persistent(), MALA(1e12), 1))
    with pytest.warns(UserWarning, match="none of the 32 chains has moved for 50 draws"):
        small_trainer(max_steps=PATIENCE).fit(module, datamodule=small_data())


def test_a_fit_warns_of_chains_left_at_zero_density(small_module, small_data, small_trainer):
    class Nowhere(torch.nn.Linear):
        def forward(self, x):
            return super().forward(x)[:, 0] + math.inf

    module = small_module(MCMC(Noise(), MALA(0.1), 1), energy=Nowhere(2, 1))
    with (
        pytest.warns(UserWarning, match="32 of 32 chains stand where"),
        pytest.raises(FloatingPointError, match="energy of samples"),
    ):
        small_trainer(max_steps=1).fit(module, datamodule=small_data())

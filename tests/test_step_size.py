"""Step sizes follow the acceptance in training mode, stand still in eval mode, and are saved."""

from __future__ import annotations

import math

import pytest
import torch
from targets import correlated_gaussian

from lightning_ebm.chain import Chain
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import HMC, MALA, Kernel
from lightning_ebm.kernels.step_size import StepSize


def run(kernel: Kernel, n_steps: int) -> float:
    """Return the mean acceptance of 1,000 chains that start from the target."""
    known = correlated_gaussian()
    chain, total = Chain(known.sample(1000)[0]), 0.0
    for _ in range(n_steps):
        chain, info = kernel.step(known.problem(), chain)
        total += info["acceptance_local"].item()
    return total / n_steps


@pytest.mark.parametrize("target", [0.57, 0.85])
@pytest.mark.parametrize("start", [1e-3, 0.4])
@pytest.mark.parametrize(
    "make", [MALA, lambda g, target_acceptance: HMC(g, 3, 1.0, target_acceptance)]
)
def test_the_acceptance_asked_for_is_reached(make, start, target):
    torch.manual_seed(1)
    kernel = make(start, target_acceptance=target)
    run(kernel, 600)
    kernel.eval()
    adapted = kernel.step_size.log_value.clone()
    # 20 steps of 1,000 chains: the mean's standard error is at most .5/√1,000 = .016 if a chain
    # decided always alike, and less as it does not.
    assert abs(run(kernel, 20) - target) < 0.03
    assert torch.equal(kernel.step_size.log_value, adapted)


def test_a_fixed_step_size_stays_in_training_mode():
    torch.manual_seed(2)
    kernel = MALA(0.25)
    run(kernel, 5)
    assert kernel.step_size.log_value.exp().item() == pytest.approx(0.25, rel=1e-14)


def test_one_change_is_the_gain_times_the_excess():
    step_size = StepSize(0.2, target_acceptance=0.6, rate=0.1)
    step_size.adapt(torch.tensor(0.9))
    assert step_size.log_value.item() == pytest.approx(math.log(0.2) + 0.1 * 0.3, abs=1e-8)


def test_an_adapted_step_size_round_trips():
    torch.manual_seed(3)
    kernel = MALA(0.01, target_acceptance=0.6)
    run(kernel, 20)
    other = MALA(0.01, target_acceptance=0.6)
    other.load_state_dict(kernel.state_dict())
    assert torch.equal(other.step_size.log_value, kernel.step_size.log_value)
    saved = kernel.step_size.log_value.clone()
    other.step_size.adapt(torch.tensor(1.0))
    assert torch.equal(kernel.step_size.log_value, saved)


def test_a_step_size_that_is_configured_otherwise_is_in_force():
    kernel = MALA(0.01, target_acceptance=0.6)
    kernel.step_size.adapt(torch.tensor(1.0))
    other = MALA(0.5, target_acceptance=0.6)
    other.load_state_dict(kernel.state_dict())
    assert other.step_size.log_value.exp().item() == pytest.approx(0.5, rel=1e-14)


def test_a_fixed_step_size_ignores_a_checkpoints():
    kernel = MALA(0.25)
    kernel.load_state_dict(MALA(0.01, target_acceptance=0.6).state_dict())
    assert kernel.step_size.log_value.exp().item() == pytest.approx(0.25, rel=1e-14)


@pytest.mark.parametrize("initial", [0.0, -1.0, math.nan])
def test_a_step_size_that_is_not_positive_is_refused(initial):
    with pytest.raises(SettingError, match="step_size is"):
        StepSize(initial)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.5, 57])
def test_a_target_that_is_no_probability_is_refused(target):
    with pytest.raises(SettingError, match="target_acceptance is"):
        StepSize(0.1, target)


def test_a_step_size_is_of_the_type_that_is_asked_for_each_time():
    step_size = StepSize(0.1)
    for dtype in (torch.float32, torch.float64, torch.float32):
        assert step_size(torch.zeros(3, dtype=dtype)).dtype == dtype

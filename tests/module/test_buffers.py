"""Buffers that overflow in training end or turn back a run, and reach no checkpoint."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightning_ebm import RealNVP
from lightning_ebm.errors import DivergenceError
from lightning_ebm.module.buffer_watch import BufferWatch
from tests.module.test_divergence import assert_finite, fit

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Running(nn.Module):
    """An energy with a statistic of its batches, which overflows at a step; no value shows it."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 1)
        self.at, self.steps = at, 0
        self.register_buffer("largest", torch.zeros(1))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and torch.is_grad_enabled() and self.inner.weight.requires_grad:
            self.steps += 1
            self.largest += torch.inf if self.steps == self.at else 1.0
        return self.inner(x).squeeze(1)


class RunningFlow(RealNVP):
    """A flow with such a statistic."""

    def __init__(self, at: int) -> None:
        super().__init__([2], n_layers=2, hidden=8)
        self.at, self.steps = at, 0
        self.register_buffer("largest", torch.zeros(1))

    def log_prob(self, x: torch.Tensor, *args: object) -> torch.Tensor:
        if self.training and torch.is_grad_enabled():
            self.steps += 1
            self.largest = self.largest + (torch.inf if self.steps == self.at else 1.0)
        return super().log_prob(x, *args)


def test_a_run_stops_with_none_of_it_saved(small_module, small_data, tmp_path):
    module = small_module("mala", energy=Running(9))
    with pytest.raises(DivergenceError, match="not finite: buffer largest of the energy"):
        fit(module, small_data(), tmp_path, max_steps=20)
    paths = list(tmp_path.rglob("*.ckpt"))
    assert "before_divergence.ckpt" in {path.name for path in paths}
    for path in paths:
        saved = torch.load(path, weights_only=True)["state_dict"]
        for key in ("energy.largest", "average.module.largest"):
            assert saved[key].isfinite().all()


def test_a_run_goes_back_and_on(small_module, small_data, tmp_path):
    module = small_module("mala", energy=Running(9), on_divergence="rollback")
    fit(module, small_data(), tmp_path, max_steps=20)
    assert module.recovery.count == 1
    assert module.energy.largest.isfinite()
    assert module.average.module.largest.isfinite()
    assert module.energy.mask.tolist() == [0.0, -torch.inf]


@pytest.mark.parametrize("at", [6, 7])
def test_of_a_flow_that_learns(at, small_module, small_data, tmp_path):
    """In the step of both networks, and in a further step of the flow."""
    module = small_module("flow_mcmc", flow=RunningFlow(at), flow_pretraining=1, flow_updates=2)
    with pytest.raises(DivergenceError, match=r"(buffer largest|gradients) of the flow"):
        fit(module, small_data(), tmp_path, max_steps=20)
    for path in tmp_path.rglob("*.ckpt"):
        assert_finite(path)


def test_of_a_flow_in_pretraining(small_module, small_data, tmp_path):
    module = small_module("nt_ebm", flow=RunningFlow(3), flow_pretraining=5)
    with pytest.raises(DivergenceError, match="at step 2: not finite: buffer largest of the flow"):
        fit(module, small_data(), tmp_path, max_steps=20)
    assert list(tmp_path.rglob("*.ckpt")) == []


def test_layers_of_torch_are_seen():
    network, watch = nn.BatchNorm1d(2), BufferWatch()
    watch.begin({"energy": network, "flow": None})
    network(torch.ones(3, 2))
    assert watch.overflowed() == []
    network(torch.full((3, 2), torch.inf))
    assert watch.overflowed() == [
        "buffer running_mean of the energy",
        "buffer running_var of the energy",
    ]

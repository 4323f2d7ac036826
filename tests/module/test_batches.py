"""Batches of any real type train; what holds no points is refused in a sentence."""

from __future__ import annotations

import numpy
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from lightning_ebm import MCMC, MLP, Draw, Sampler, SettingError
from lightning_ebm.batches import points_of
from lightning_ebm.data import TwoModes
from lightning_ebm.errors import PlugInError
from lightning_ebm.kernels import MALA
from lightning_ebm.starts import Noise

POINT = torch.zeros(2)


@pytest.mark.parametrize(
    "data",
    [
        TwoModes().sample(96).double(),
        (TwoModes().sample(96) * 10).int(),
        (TwoModes().sample(96) * 10).to(torch.uint8),
        TwoModes().sample(96).half(),
        TwoModes().sample(96) > 0,
    ],
    ids=["double", "int", "byte", "half", "bool"],
)
def test_batches_of_other_types_train(data, small_module, small_trainer):
    module = small_module("mala", flow_pretraining=0)
    small_trainer(max_steps=2).fit(module, DataLoader(data, batch_size=32))
    assert module.latest_draw.x.dtype == torch.float32


def test_arrays_train(small_module, small_trainer):
    loader = DataLoader(
        TwoModes().sample(96).double(), batch_size=32, collate_fn=lambda rows: numpy.stack(rows)
    )
    module = small_module("mala", flow_pretraining=0)
    small_trainer(max_steps=2).fit(module, loader)
    assert module.latest_draw.x.dtype == torch.float32


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        ({"image": torch.zeros(3, 2)}, "dictionaries .*image.*: give a tensor"),
        ({}, "dictionaries .*none"),
        ("points", "type str"),
        (None, "type NoneType"),
        ([], "type list"),
        ([[torch.zeros(3, 2)]], "type list"),
        (numpy.array([["a", "b"]]), "type <U1 array"),
        (torch.zeros(3, 2).cfloat(), "complex64"),
        (torch.zeros(3, 2).to_sparse(), "sparse"),
        (torch.zeros(3), r"shape \(3,\).*reshape"),
        (torch.zeros(3, 3), r"shape \[3\], but the model was made for \[2\]"),
        (torch.tensor([[0.0, torch.nan], [0, 0]]), "NaN or infinite values in 1 of the 2 points"),
        (torch.tensor([[0.0, torch.inf], [0, 0]]), "NaN or infinite values in 1 of the 2 points"),
    ],
)
def test_what_is_no_batch_of_points_is_refused(batch, sentence):
    with pytest.raises(SettingError, match=sentence):
        points_of(batch, POINT)


class Fails(MCMC):
    def __init__(self, failure: BaseException):
        super().__init__(Noise(), MALA(), 1)
        self.failure = failure

    def sample(self, problem, n):
        raise self.failure


class Returns(Sampler):
    def __init__(self, made):
        super().__init__()
        self.made = made

    def sample(self, problem, n):
        return self.made(n)


@pytest.mark.parametrize("failure", [ValueError("lost"), KeyError("lost"), SystemExit(0)])
def test_what_a_plug_in_raises_is_the_cause_of_one_exception(
    failure, small_module, small_trainer, small_data
):
    module = small_module(Fails(failure), flow_pretraining=0)
    with pytest.raises(PlugInError, match=f"Fails, .*{type(failure).__name__}") as caught:
        small_trainer().fit(module, small_data())
    assert caught.value.__cause__ is failure


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda n: None, "NoneType where a Draw"),
        (lambda n: (torch.zeros(n, 2), {}), "tuple where a Draw"),
        (lambda n: Draw([0.0] * n, {}), "Draw where a Draw"),
        (lambda n: Draw(torch.zeros(n - 1, 2), {}), r"\(31, 2\) where \(32, 2\)"),
        (lambda n: Draw(torch.zeros(n, 2), {"rate": 0.5}), "'rate'.*0.5"),
    ],
)
def test_what_is_no_draw_is_refused(made, sentence, small_module, small_trainer, small_data):
    module = small_module(Returns(made), flow_pretraining=0)
    with pytest.raises(SettingError, match=sentence):
        small_trainer().fit(module, small_data())


def test_a_flow_and_an_energy_of_other_shapes_are_refused(small_module, small_trainer, small_data):
    with pytest.raises(SettingError, match=r"model.energy.event_shape is \[1, 2\].*\[2\]"):
        small_trainer().fit(small_module(energy=MLP([1, 2])), small_data())
    with pytest.raises(SettingError, match=r"model\.energy is Linear, which cannot take points"):
        small_trainer().fit(small_module(energy=nn.Linear(3, 1)), small_data())

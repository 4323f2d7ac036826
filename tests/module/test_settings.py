"""Settings that do not fit together are refused in a sentence with key, value and remedy."""

import lightning as L
import normflows as nf
import pytest
from lightning.pytorch.tuner import Tuner
from torch import nn

from lightning_ebm import MLP, EBMLightningModule, SettingError
from lightning_ebm.callbacks import ModeWeights, Pictures
from lightning_ebm.flows import Flow
from lightning_ebm.registry import find

STILL = nf.NormalizingFlow(nf.distributions.DiagGaussian(2, trainable=False), [])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"flow": None}, "needs a flow, but model.flow is null: set model.flow"),
        (
            {"sampler": "nt_ebm", "flow_pretraining": 0},
            "NTEBMSampler, which uses a flow fitted to data beforehand.*set it to some 500",
        ),
        (
            {"base": "flow", "flow_pretraining": 0},
            "model.base is 'flow', which .*model.flow_pretraining is 0",
        ),
        ({"sampler": "ula", "base": "flow", "flow": None}, "model.base is 'flow', but model.flow"),
        (
            {"energy": MLP([2], bound=2.0), "base": "none"},
            "model.energy.bound is 2.0, but model.base is 'none'",
        ),
        ({"energy": MLP}, "model.energy is the class MLP: give one that has been made"),
        ({"energy": abs}, "model.energy is a builtin_function_or_method: give one"),
        ({"base": "x"}, "model.base is 'x': give one of 'gaussian', 'flow', 'none'"),
        ({"on_divergence": "x"}, "model.on_divergence is 'x': give one of 'stop', 'rollback'"),
        ({"scheduler_interval": None}, "model.scheduler_interval is None: give one of 'step'"),
        ({"measures": [3]}, "model.measures has a int: give a list of measures"),
        ({"measures": "all"}, "model.measures has a str: give a list of measures"),
        ({"flow": Flow(STILL)}, "model.flow is Flow, which has no parameters, but is to learn"),
        ({"temperature": 0.0}, "model.temperature is 0.0: it must be positive"),
        ({"base_widening": -1.0}, "model.base_widening is -1.0"),
        ({"n_chains": 0}, "model.n_chains is 0"),
        ({"flow_updates": 0}, "model.flow_updates is 0"),
        ({"difference_penalty": -1.0}, "model.difference_penalty is -1.0"),
        ({"difference_penalty": 0.1, "n_chains": 1}, "model.n_chains is 1, .* at least 2"),
        ({"magnitude_penalty": -1.0}, "model.magnitude_penalty is -1.0"),
        ({"gradient_penalty": -1.0}, "model.gradient_penalty is -1.0"),
        ({"energy_average": 1.0}, "model.energy_average is 1.0"),
        (
            {"energy": nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))},
            "model.energy has a BatchNorm1d layer .*GroupNorm",
        ),
    ],
)
def test_refused(settings, sentence, small_module):
    with pytest.raises(SettingError, match=sentence):
        small_module(**settings)


@pytest.mark.parametrize(
    ("sampler", "sentence"),
    [("mala", "a str"), (find("mala"), "the class MALASampler"), (None, "a NoneType")],
)
def test_a_sampler_is_one_that_has_been_made(sampler, sentence):
    with pytest.raises(SettingError, match=f"model.sampler is {sentence}: give one"):
        EBMLightningModule(MLP([2]), sampler)


@pytest.mark.parametrize("name", [3, None])
def test_a_name_is_a_word(name):
    with pytest.raises(SettingError, match=f"name is {name}: give one"):
        find(name)


@pytest.mark.parametrize(
    ("energy", "sentence"),
    [
        (nn.Linear(2, 2), "one number per point"),
        (nn.Sequential(nn.Softmax(dim=0), nn.Linear(2, 1)), "when other points are in its batch"),
    ],
)
def test_an_energy_that_is_not_a_function_of_one_point_is_refused(
    energy, sentence, small_module, small_data, small_trainer
):
    with pytest.raises(SettingError, match=sentence):
        small_trainer().fit(small_module(energy=energy), datamodule=small_data())


def test_a_search_for_one_learning_rate_is_refused(small_module, small_data, small_trainer):
    tuner = Tuner(small_trainer())
    with pytest.raises(SettingError, match=r"lr_find.*val/nll of short runs"):
        tuner.lr_find(small_module("mala"), datamodule=small_data())


def test_a_trainer_that_logs_nothing_trains_and_draws(small_module, small_data, tmp_path):
    # A logger, a bar or checkpoints are not to be named, even to be left out.
    trainer = L.Trainer(barebones=True, max_steps=3, accelerator="cpu", default_root_dir=tmp_path)
    trainer.callbacks += [ModeWeights(), Pictures(every_n_steps=2)]
    trainer.fit(small_module("flow_mcmc"), datamodule=small_data())
    assert trainer.global_step == 3
    assert trainer.logged_metrics == {}
    assert (tmp_path / "pictures/step_000002.png").is_file()

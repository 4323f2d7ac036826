"""Training by replica exchange: what is logged of it, looked at, and resumed."""

import math

import pytest
import torch

from lightning_ebm.registry import find


def weights(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def tempering(**settings):
    return find("flow_tempering")(n_rungs=3, **settings)


@pytest.mark.parametrize("base", ["flow", "gaussian", "none"])
def test_it_trains_on_every_base(base, small_module, small_data, small_trainer):
    module = small_module(tempering(), base=base, flow_pretraining=5)
    before = weights(module.energy).clone()
    small_trainer(max_steps=5).fit(module, datamodule=small_data())
    assert not torch.equal(weights(module.energy), before)
    assert math.isfinite(float(module.latest_draw.info["log_z"]))


def test_likelihood_over_the_flow_and_the_ladder_are_logged(
    small_module, small_data, small_trainer
):
    module = small_module(tempering(), base="flow", flow_pretraining=5)
    trainer = small_trainer(max_steps=6, log_every_n_steps=1)
    trainer.fit(module, datamodule=small_data())
    logged = trainer.callback_metrics
    gain, error = logged["likelihood/over_flow"], logged["likelihood/over_flow_standard_error"]
    assert math.isfinite(float(gain))
    assert 0 < float(error) < 1
    for name in ("barrier", "age", "renewals", "log_z", "swap_acceptance_1", "moved_2", "beta_1"):
        assert f"sampler/{name}" in logged


def test_validation_climbs_a_little_and_changes_nothing(small_module, small_data, small_trainer):
    ends = []
    for validated in (True, False):
        torch.manual_seed(3)
        module = small_module(tempering(), base="flow", flow_pretraining=5)
        trainer = small_trainer(
            max_steps=6, val_check_interval=2, limit_val_batches=float(validated)
        )
        trainer.fit(module, datamodule=small_data())
        ends.append(weights(module))
        assert ("val/ladder/renewals" in trainer.callback_metrics) == validated
    assert torch.equal(*ends)

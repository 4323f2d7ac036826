"""A resumed run ends as one that never stopped; looking at a run changes nothing."""

from functools import partial

import lightning as L
import pytest
import torch
from torch.utils._pytree import keystr, tree_flatten_with_path

from lightning_ebm import EBMLightningModule
from lightning_ebm.callbacks import ModeWeights, Pictures
from lightning_ebm.registry import find

SETTINGS = {
    "energy_optimizer": lambda p: torch.optim.Adam(p, lr=1e-2),
    "energy_scheduler": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40),
    "energy_average": 0.9,
}


def everything(module: EBMLightningModule) -> dict[str, torch.Tensor]:
    """Weights, moving average, chains and all else that a sampler keeps, by name."""
    state = {k: v for k, v in module.state_dict().items() if isinstance(v, torch.Tensor)}
    kept, _ = tree_flatten_with_path(module.sampler.state_dict())
    return state | {keystr(path): torch.as_tensor(v) for path, v in kept if v is not None}


def assert_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    different = [key for key in first if not torch.equal(first[key], second[key])]
    assert different == []


NAMES = ["ula", "mala", "hmc", "flow_mcmc", "flow_tempering", "coopflow", "nt_ebm"]
COMPILED = "flow_mcmc, compiled"
SAMPLERS = {name: find(name) for name in NAMES} | {
    COMPILED: partial(find("flow_mcmc"), n_local=2, compile=True)
}


@pytest.mark.parametrize("sampler", [*NAMES, pytest.param(COMPILED, marks=pytest.mark.slow)])
def test_resumed_is_never_stopped_bit_for_bit(
    sampler, small_module, small_data, small_trainer, tmp_path
):
    straight = small_module(SAMPLERS[sampler](), **SETTINGS)
    small_trainer(max_epochs=4, max_steps=-1).fit(straight, datamodule=small_data())

    stopped = small_module(SAMPLERS[sampler](), **SETTINGS)
    trainer = small_trainer(max_epochs=2, max_steps=-1)
    trainer.fit(stopped, datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "half.ckpt")

    resumed = small_module(SAMPLERS[sampler](), **SETTINGS)
    trainer = small_trainer(max_epochs=4, max_steps=-1)
    torch.manual_seed(99)
    trainer.fit(resumed, datamodule=small_data(), ckpt_path=tmp_path / "half.ckpt")

    assert_equal(everything(resumed), everything(straight))
    assert not torch.equal(
        everything(resumed)["energy.layers.1.weight"],
        everything(stopped)["energy.layers.1.weight"],
    )


def test_a_checkpoint_loads_with_weights_only(small_module, small_data, small_trainer, tmp_path):
    trainer = small_trainer()
    trainer.fit(small_module(), datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert len(checkpoint["lightning_ebm"]["processes"]) == 1
    assert not any(key.startswith("sampler.") for key in checkpoint["state_dict"])


def test_another_sampler_resumes_with_new_chains_and_says_so(
    small_module, small_data, small_trainer, tmp_path
):
    trainer = small_trainer()
    trainer.fit(small_module("ula"), datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    with pytest.warns(UserWarning, match="chains are of sampler ULASampler"):
        small_trainer(max_steps=7).fit(
            small_module("mala"), datamodule=small_data(), ckpt_path=tmp_path / "a.ckpt"
        )


def test_looking_at_a_run_does_not_change_it(small_module, small_data, small_trainer, tmp_path):
    plain, watched = small_module(), small_module()
    small_trainer(max_epochs=3, max_steps=-1).fit(plain, datamodule=small_data())

    class FreshDraws(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            pl_module.fresh_draw(8)

    small_trainer(
        max_epochs=3,
        max_steps=-1,
        limit_val_batches=1.0,
        num_sanity_val_steps=2,
        logger=L.pytorch.loggers.TensorBoardLogger(tmp_path),
        log_every_n_steps=3,
        callbacks=[Pictures(every_n_steps=4), ModeWeights(), FreshDraws()],
    ).fit(watched, datamodule=small_data())
    assert_equal(everything(watched), everything(plain))


def test_validation_test_and_predict_sample_under_inference_mode(
    small_module, small_data, small_trainer
):
    module = small_module()
    trainer = small_trainer(limit_val_batches=1.0)
    trainer.fit(module, datamodule=small_data())
    before = everything(module)
    before = {key: value.clone() for key, value in before.items()}
    metrics = trainer.test(module, datamodule=small_data(), verbose=False)[0]
    trainer.validate(module, datamodule=small_data(), verbose=False)
    drawn = trainer.predict(module, module.predict_dataloader())
    assert metrics["model/mode_weight_tv"] >= 0
    assert metrics["sampler/acceptance_global"] > 0
    assert sum(len(part["x"]) for part in drawn) == 16
    assert_equal(everything(module), before)


def test_training_waits_for_a_tenth_of_the_draws(
    small_module, small_data, small_trainer, monkeypatch
):
    module, asked = small_module(log_z_draws=200), []
    sample = type(module.flow).sample
    monkeypatch.setattr(
        type(module.flow), "sample", lambda flow, n: asked.append(n) or sample(flow, n)
    )
    trainer = small_trainer(limit_val_batches=1.0, max_epochs=1, max_steps=-1)
    trainer.fit(module, datamodule=small_data())
    assert 20 in asked
    assert 200 not in asked
    trainer.test(module, datamodule=small_data(), verbose=False)
    assert 200 in asked


def test_predictions_differ_between_batches(small_module, small_data, small_trainer):
    module = small_module(n_chains=8)
    trainer = small_trainer()
    trainer.fit(module, datamodule=small_data())
    first, second = trainer.predict(module, module.predict_dataloader())
    assert not torch.equal(first["x"], second["x"])

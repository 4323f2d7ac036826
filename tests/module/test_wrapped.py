"""Compiled and wrapped energies train as bare ones do; copies of a module work, or say why not."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, WeightAveraging
from torch import nn

from lightning_ebm import MLP, EBMLightningModule, SettingError
from lightning_ebm.registry import find

WRAPPERS = {
    "compiled": lambda energy: torch.compile(energy, backend="eager"),
    "in parallel": nn.DataParallel,
    "both": lambda energy: nn.DataParallel(torch.compile(energy, backend="eager")),
}


def energy() -> nn.Module:
    torch.manual_seed(3)
    return MLP([2], hidden=[8])


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapped_energy_is_standardised_and_saved_as_a_bare_one(
    wrapper: str, small_module, small_data, small_trainer, tmp_path: Path
) -> None:
    states = []
    for wrap in (lambda bare: bare, WRAPPERS[wrapper]):
        module = small_module("mala", energy=wrap(energy()))
        trainer = small_trainer()
        trainer.fit(module, datamodule=small_data())
        trainer.save_checkpoint(tmp_path / "wrapped.ckpt")
        states.append(torch.load(tmp_path / "wrapped.ckpt", weights_only=True)["state_dict"])
    bare, wrapped = states
    assert bare.keys() == wrapped.keys()
    assert float(wrapped["energy.scale"]) != 1
    for name, value in bare.items():
        torch.testing.assert_close(wrapped[name], value)
    resumed = small_module("mala", energy=WRAPPERS[wrapper](energy()))
    small_trainer(max_steps=10).fit(
        resumed, datamodule=small_data(), ckpt_path=tmp_path / "wrapped.ckpt"
    )
    assert resumed.trainer.global_step == 10


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapper_hides_no_wrong_shape(
    wrapper: str, small_module, small_data, small_trainer
) -> None:
    # Points of shape (2,) would be broadcast in silence.
    class Broadcasting(MLP):
        def energy(self, x: torch.Tensor) -> torch.Tensor:
            return x.square().flatten(1).sum(1) * self.layers[1].weight.sum()

    module = small_module("mala", energy=WRAPPERS[wrapper](Broadcasting([1, 2])))
    with pytest.raises(SettingError, match=r"model\.energy\.event_shape is \[1, 2\], but data"):
        small_trainer().fit(module, datamodule=small_data())


def reloaded(module: EBMLightningModule, tmp_path: Path) -> EBMLightningModule:
    torch.save(module, tmp_path / "whole.pt")
    return torch.load(tmp_path / "whole.pt", weights_only=False)


def loaded_plainly(module: EBMLightningModule, tmp_path: Path) -> EBMLightningModule:
    module.trainer.save_checkpoint(tmp_path / "a.ckpt")
    fresh = EBMLightningModule(energy=energy(), sampler=find("mala")(), energy_average=0.9)
    fresh.load_state_dict(torch.load(tmp_path / "a.ckpt", weights_only=True)["state_dict"])
    return fresh


def loaded_by_lightning(module: EBMLightningModule, tmp_path: Path) -> EBMLightningModule:
    module.trainer.save_checkpoint(tmp_path / "a.ckpt")
    return EBMLightningModule.load_from_checkpoint(
        tmp_path / "a.ckpt", energy=energy(), sampler=find("mala")()
    )


COPIES = {
    "deepcopy": lambda module, _: copy.deepcopy(module),
    "pickle": lambda module, _: pickle.loads(pickle.dumps(module)),
    "torch.save": reloaded,
    "load_state_dict": loaded_plainly,
    "load_from_checkpoint": loaded_by_lightning,
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_is_the_same_density(
    way: str, small_module, small_data, small_trainer, tmp_path: Path
) -> None:
    module = small_module("mala", energy=energy(), flow=None)
    small_trainer().fit(module, datamodule=small_data())
    copying: Callable = COPIES[way]
    other = copying(module, tmp_path)
    x = torch.randn(5, 2)
    torch.testing.assert_close(other.evaluated_log_density(x), module.evaluated_log_density(x))


def test_a_pickled_copy_says_why_it_does_not_train(small_module) -> None:
    other = pickle.loads(pickle.dumps(small_module("mala")))
    with pytest.raises(SettingError, match="energy_optimizer is a function without a name"):
        other.configure_optimizers()


def test_a_module_made_in_python_says_what_its_checkpoint_lacks(
    small_module, small_data, small_trainer, tmp_path: Path
) -> None:
    trainer = small_trainer()
    trainer.fit(small_module("mala"), datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    with pytest.raises(SettingError, match=r"energy=\.\.\., sampler=\.\.\., flow=\.\.\."):
        EBMLightningModule.load_from_checkpoint(tmp_path / "a.ckpt")
    with pytest.raises(SettingError, match=r"given n_chain, .* has not: give n_chains"):
        EBMLightningModule.load_from_checkpoint(tmp_path / "a.ckpt", n_chain=3)


class OwnModule(EBMLightningModule):
    """Makes its networks itself."""

    def __init__(self, width: int) -> None:
        super().__init__(energy=MLP([2], hidden=[width]), sampler=find("mala")(), flow=None)


def test_a_class_that_makes_its_networks_itself_needs_none(
    small_data, small_trainer, tmp_path: Path
) -> None:
    trainer = small_trainer()
    trainer.fit(OwnModule(4), datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    assert isinstance(OwnModule.load_from_checkpoint(tmp_path / "a.ckpt", width=4), OwnModule)


@pytest.mark.parametrize("averaging", [EMAWeightAveraging(decay=0.9), WeightAveraging()])
def test_lightnings_own_averaging_runs(
    averaging: L.Callback, small_module, small_data, small_trainer
) -> None:
    module = small_module("mala", energy=energy())
    small_trainer(callbacks=[averaging]).fit(module, datamodule=small_data())
    assert all(p.isfinite().all() for p in module.parameters())
    assert isinstance(module, L.LightningModule)

"""The module's settings: kept as hyper-parameters, and checked against each other."""

from __future__ import annotations

import inspect
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import LearningRateFinder
from torch import nn

from lightning_ebm.described import described
from lightning_ebm.errors import SettingError
from lightning_ebm.evaluation.measures import Measure
from lightning_ebm.foreign_parts import INSTANTIATOR
from lightning_ebm.module.rehearsal import rehearse
from lightning_ebm.module.settling import last_layer
from lightning_ebm.needed import needed
from lightning_ebm.networks import bare, refuse_batch_norm
from lightning_ebm.ranges import is_number, require_count, require_not_negative, require_positive
from lightning_ebm.sampler import Sampler
from lightning_ebm.undeclared import undeclared

CHOICES = {
    "base": ("gaussian", "flow", "none"),
    "scheduler_interval": ("step", "epoch"),
    "on_divergence": ("stop", "rollback"),
}
MOST_CHAINS = 10**8
"""The most chains or draws that a memory holds."""


def save_settings(module: L.LightningModule, settings: dict[str, Any]) -> None:
    """Keep the settings as hyper-parameters, in types that any checkpoint loader accepts.

    Under the command line every setting is plain data, from which `load_from_checkpoint` rebuilds
    the networks. In a script networks and optimizers are objects, and are left out.
    """
    objects = [
        k
        for k, value in settings.items()
        if isinstance(value, (nn.Module, list)) or callable(value)
    ]
    constructor = needed(inspect.currentframe()).f_back
    module.save_hyperparameters(ignore=objects, frame=constructor)
    if "_instantiator" in module.hparams:
        module.save_hyperparameters(frame=constructor)
        module.hparams["_instantiator"] = INSTANTIATOR


def check_settings(settings: dict[str, Any]) -> None:
    """Raise `SettingError`, with the key, the value and the remedy, if settings do not fit."""
    _check_kinds(settings)
    sampler, flow, base = settings["sampler"], settings["flow"], settings["base"]
    name = type(sampler).__name__
    refuse_batch_norm(settings["energy"])
    if sampler.uses_flow and flow is None:
        raise SettingError(
            f"model.sampler is {name}, which needs a flow, but model.flow is null: "
            "set model.flow, e.g. to RealNVP"
        )
    if base == "flow" and flow is None:
        raise SettingError("model.base is 'flow', but model.flow is null: set model.flow")
    bound = getattr(bare(settings["energy"]), "bound", None)
    if base == "none" and bound is not None:
        raise SettingError(
            f"model.energy.bound is {bound}, but model.base is 'none', and over all of space a "
            "bounded energy has no finite Z: set model.base, or leave out the bound"
        )
    untrained = sampler.uses_flow and not sampler.teaches_flow
    if (untrained or base == "flow") and settings["flow_pretraining"] < 1:
        reason = f"model.sampler is {name}, which" if untrained else "model.base is 'flow', which"
        raise SettingError(
            f"{reason} uses a flow fitted to data beforehand, but model.flow_pretraining is "
            f"{settings['flow_pretraining']}: set it to some 500 steps or more"
        )
    require_count("model.most_rollbacks", settings["most_rollbacks"], least=0)
    _check_numbers(settings)
    chains, penalty = settings["n_chains"], settings["difference_penalty"]
    if chains == 1 and penalty:
        raise SettingError(
            f"model.n_chains is 1, but model.difference_penalty is {penalty} and takes two halves "
            "of the chains: give at least 2, or leave out the penalty"
        )
    _check_rates(settings)


def check_trainer(trainer: L.Trainer) -> None:
    """Raise `SettingError` if the trainer has what it would take no notice of, or cannot do."""
    callbacks = undeclared(trainer).callbacks
    if any(isinstance(callback, LearningRateFinder) for callback in callbacks):
        raise SettingError(
            "trainer has a LearningRateFinder (Tuner.lr_find), which looks for the rate at which "
            "a loss falls fastest, but an energy's loss hovers about 0 whatever the model is "
            "worth, and two networks have a rate each: leave it out, and choose the lr of "
            "model.energy_optimizer and model.flow_optimizer by val/nll of short runs"
        )
    # Barebones has none, and logs nothing.
    if not trainer.barebones:
        require_count("trainer.log_every_n_steps", undeclared(trainer).log_every_n_steps)
    require_count("trainer.accumulate_grad_batches", trainer.accumulate_grad_batches)
    for key in ("val_check_interval", "check_val_every_n_epoch"):
        if getattr(trainer, key) == 0:
            raise SettingError(
                f"trainer.{key} is 0: it must be positive; trainer.limit_val_batches=0 validates "
                "never"
            )
    clip = trainer.gradient_clip_val
    if clip is not None and not clip > 0:
        raise SettingError(
            f"trainer.gradient_clip_val is {clip}: the largest norm of a gradient must be "
            "positive; null for none"
        )


def _check_kinds(settings: dict[str, Any]) -> None:
    """What the parser of the command sees by types, of a script."""
    made = {"energy": (nn.Module, "MLP([2])"), "sampler": (Sampler, 'registry.find("mala")()')}
    for key, (kind, example) in made.items():
        if not isinstance(settings[key], kind):
            raise SettingError(
                f"model.{key} is {described(settings[key])}: give one that has been made, e.g. "
                f"{example}"
            )
    for key, choices in CHOICES.items():
        if settings[key] not in choices:
            known = ", ".join(map(repr, choices))
            raise SettingError(f"model.{key} is {settings[key]!r}: give one of {known}")
    measures = settings["measures"]
    listed = isinstance(measures, (list, tuple))
    for measure in measures if listed else [] if measures is None else [measures]:
        if not (listed and isinstance(measure, Measure)):
            raise SettingError(
                f"model.measures has {described(measure)}: give a list of measures that have been "
                "made, e.g. [SampleDistances()], or null for all that apply"
            )


def _check_numbers(settings: dict[str, Any]) -> None:
    for key in ("temperature", "base_widening"):
        require_positive(f"model.{key}", settings[key])
    for key in ("difference_penalty", "magnitude_penalty", "gradient_penalty"):
        require_not_negative(f"model.{key}", settings[key])
    for key in ("flow_updates", "evaluation_draws"):
        require_count(f"model.{key}", settings[key])
    for key in ("flow_pretraining", "annealing_steps", "ladder_rounds", "search_steps"):
        require_count(f"model.{key}", settings[key], least=0)
    for key in ("n_samples", "log_z_draws"):
        require_count(f"model.{key}", settings[key], most=MOST_CHAINS)
    as_many = "as many as data in the batch"
    require_count("model.n_chains", settings["n_chains"], most=MOST_CHAINS, null=as_many)
    for key in ("energy_clip", "flow_clip"):
        clip = settings[key]
        if clip is not None and not (is_number(clip) and clip > 0):
            raise SettingError(
                f"model.{key} is {clip}: the largest norm of a gradient must be positive; null "
                "for none"
            )
    require_count("model.settle_components", settings["settle_components"])
    require_count("model.settle_from", settings["settle_from"], least=0, null="never")
    if settings["settle_from"] is not None:
        last_layer(settings["energy"])
    average = settings["energy_average"]
    if average is not None and not (is_number(average) and 0 < average < 1):
        raise SettingError(
            f"model.energy_average is {average}: a decay lies between 0 and 1; null for none"
        )


def _check_rates(settings: dict[str, Any]) -> None:
    """Try optimizers and schedulers out, on stand-ins for the parameters that they will have."""
    networks = {"energy": settings["energy"]}
    learns = settings["sampler"].teaches_flow or settings["flow_pretraining"] > 0
    flow = settings["flow"]
    if flow is not None and learns:
        if isinstance(flow, nn.Module) and next(flow.parameters(), None) is None:
            raise SettingError(
                f"model.flow is {type(flow).__name__}, which has no parameters, but is to learn: "
                "give one that has, or a sampler without a flow"
            )
        networks["flow"] = flow
    for name, network in networks.items():
        optimizer, scheduler = f"{name}_optimizer", f"{name}_scheduler"
        rehearse(
            {f"model.{optimizer}": settings[optimizer], f"model.{scheduler}": settings[scheduler]},
            network,
        )
    if "flow" in networks:
        keys = ("flow_optimizer", "flow_pretraining_scheduler")
        rehearse({f"model.{key}": settings[key] for key in keys}, networks["flow"])

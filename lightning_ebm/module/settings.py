"""The module's settings: kept as hyper-parameters, and checked against each other."""

from __future__ import annotations

import inspect
from typing import Any

import lightning as L
from torch import nn

from lightning_ebm.errors import SettingError
from lightning_ebm.networks import bare, refuse_batch_norm


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
    constructor = inspect.currentframe().f_back
    module.save_hyperparameters(ignore=objects, frame=constructor)
    if "_instantiator" in module.hparams:
        module.save_hyperparameters(frame=constructor)


def check_settings(settings: dict[str, Any]) -> None:
    """Raise `SettingError`, with the key, the value and the remedy, if settings do not fit."""
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
    for key in ("temperature", "base_widening"):
        if not settings[key] > 0:
            raise SettingError(f"model.{key} is {settings[key]}: it must be positive")
    for key in ("flow_updates", "n_samples", "evaluation_draws", "log_z_draws"):
        if settings[key] < 1:
            raise SettingError(f"model.{key} is {settings[key]}: it must be at least 1")
    penalties = ("difference_penalty", "magnitude_penalty", "gradient_penalty")
    steps = ("flow_pretraining", "annealing_steps", "ladder_rounds", "search_steps")
    for key in (*penalties, *steps):
        if settings[key] < 0:
            raise SettingError(f"model.{key} is {settings[key]}: it must not be negative")
    average = settings["energy_average"]
    if average is not None and not 0 < average < 1:
        raise SettingError(
            f"model.energy_average is {average}: a decay lies between 0 and 1; null for none"
        )
    chains = settings["n_chains"]
    if chains is not None and chains < 1:
        raise SettingError(f"model.n_chains is {chains}: it must be at least 1, or null")
    penalty = settings["difference_penalty"]
    if chains == 1 and penalty:
        raise SettingError(
            f"model.n_chains is 1, but model.difference_penalty is {penalty} and takes two halves "
            "of the chains: give at least 2, or leave out the penalty"
        )

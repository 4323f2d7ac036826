"""Trying an optimizer and its scheduler before a run relies on them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from lightning_ebm.errors import SettingError
from lightning_ebm.needed import needed

Made = TypeVar("Made")


def rehearse(factories: Mapping[str, Callable[..., Any] | None], network: nn.Module) -> None:
    """Make an optimizer of stand-ins for a network's parameters, and its scheduler; step both.

    Their own constructors know what their options may be, and some options fail at a step alone.

    Args:
        factories: by their keys, what makes the optimizer, and what makes its scheduler or None.
        network: whose parameters are stood in for; it stays as it is.

    Raises:
        SettingError: names the key, and what was wrong.
    """
    parameters = stand_ins(network)
    if not parameters:
        return
    (optimizer_key, make_optimizer), (scheduler_key, make_scheduler) = factories.items()
    optimizer: Optimizer = _tried(optimizer_key, lambda: needed(make_optimizer)(parameters))
    _require_rates(optimizer_key, optimizer)
    for stand_in in parameters:
        stand_in.grad = torch.zeros_like(stand_in)
    _tried(optimizer_key, lambda: optimizer.step())
    if make_scheduler is None:
        return
    scheduler = _tried(scheduler_key, lambda: make_scheduler(optimizer))
    if not isinstance(scheduler, ReduceLROnPlateau):
        _tried(scheduler_key, scheduler.step)
        _require_rates(scheduler_key, optimizer)


def stand_ins(network: nn.Module) -> list[nn.Parameter]:
    """Parameters of the shapes of a network's, on which recipes can be tried."""
    return [
        nn.Parameter(torch.zeros_like(parameter))
        for parameter in network.parameters()
        if not isinstance(parameter, nn.parameter.UninitializedParameter)
    ]


def _tried(key: str, action: Callable[[], Made]) -> Made:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return action()
    # An optimizer may be anybody's class, and refuse its options by any exception.
    except Exception as refusal:
        raise SettingError(
            f"{key} cannot be used as given: {type(refusal).__name__}: {refusal}"
        ) from refusal


def _require_rates(key: str, optimizer: Optimizer) -> None:
    for group in optimizer.param_groups:
        for name, value in group.items():
            numbers = value if isinstance(value, (list, tuple)) else [value]
            if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
                raise SettingError(f"{key} has {name} {value}: give finite numbers")
        if not float(group["lr"]) >= 0:
            raise SettingError(f"{key} makes the learning rate {group['lr']}: it must be positive")

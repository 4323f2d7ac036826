"""One optimizer's saved state, taken up under settings that may be others by now."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lightning_ebm.resuming import CONFIGURED, class_name, differing, in_place_of, plain


def configuration(optimizer: Optimizer, parameters: Sequence[Tensor]) -> dict[str, Any]:
    """What a new optimizer is, as plain data.

    Args:
        optimizer: nothing has changed it yet.
        parameters: those it was made of, in an order that its groups do not change.

    Returns:
        Its `class`, the settings of its `groups`, and the `places` of their parameters.
    """
    place = {id(parameter): index for index, parameter in enumerate(parameters)}
    return {
        "class": class_name(type(optimizer)),
        "groups": [settings(group) for group in optimizer.param_groups],
        "places": [[place[id(p)] for p in group["params"]] for group in optimizer.param_groups],
    }


def settings(group: dict[str, Any]) -> dict[str, Any]:
    """A parameter group's settings as plain data."""
    return {key: plain(value) for key, value in group.items() if key not in {"params", "name"}}


def take_up(
    optimizer: Optimizer, saved: dict[str, Any], now: dict[str, Any]
) -> tuple[list[str], bool]:
    """Load a saved state where it fits; settings that are not as they were are in force.

    Args:
        optimizer: a new one.
        saved: its state in a checkpoint.
        now: its configuration.

    Returns:
        What differs, a clause each that begins after the optimizer's name, and whether the
        optimizer begins with a fresh state.
    """
    then = saved.get(CONFIGURED)
    if then is None:
        if _as_before(optimizer, saved):
            optimizer.load_state_dict(saved)
            return [], False
        return [
            f"{_short(now)} with a fresh state: the checkpoint's is of another optimizer"
        ], True
    if then["class"] != now["class"]:
        other = f"{_short(now)} in place of the checkpoint's {_short(then)}"
        return [f"{other}, with a fresh state"], True
    if sorted(_flat(then["places"])) != sorted(_flat(now["places"])):
        return ["begun with a fresh state: its network has other parameters"], True
    state, clauses = _merged(optimizer, saved, then, now)
    if clauses and not _suffices(optimizer, state):
        return [*clauses, "begun with a fresh state, which these settings need"], True
    optimizer.load_state_dict(state)
    return clauses, False


def _merged(
    optimizer: Optimizer, saved: dict[str, Any], then: dict[str, Any], now: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The saved state in the order of present groups, and which settings of these are new."""
    source = {place: index for index, places in enumerate(then["places"]) for place in places}
    present = optimizer.state_dict()["param_groups"]
    groups, clauses = [], []
    for index, places in enumerate(now["places"]):
        old = source[places[0]] if places else min(index, len(then["groups"]) - 1)
        before, after = then["groups"][old], now["groups"][index]
        changed = differing(before, after)
        clauses += [in_place_of(key, after[key], before[key]) for key in changed]
        kept = {k: v for k, v in saved["param_groups"][old].items() if k not in changed}
        group = present[index]
        groups.append(group | kept | {"params": group["params"]})
    positions = {place: position for position, place in enumerate(_flat(now["places"]))}
    state = {
        positions[place]: saved["state"][position]
        for position, place in enumerate(_flat(then["places"]))
        if position in saved["state"]
    }
    return {"state": state, "param_groups": groups}, list(dict.fromkeys(clauses))


def _as_before(optimizer: Optimizer, saved: dict[str, Any]) -> bool:
    """Whether a state that was saved without its settings is of this kind of optimizer."""
    groups = saved["param_groups"]
    sizes = [len(group["params"]) for group in optimizer.param_groups]
    alike = sizes == [len(group["params"]) for group in groups]
    return alike and optimizer.defaults.keys() <= groups[0].keys()


def _suffices(optimizer: Optimizer, state: dict[str, Any]) -> bool:
    """Whether a state has all that a step under the present settings asks of it.

    Settings such as `amsgrad` make an optimizer keep more, which a trial step shows.
    """
    kept = [set(entry) for entry in state["state"].values() if entry]
    if not kept:
        return True
    trial = copy.deepcopy(optimizer)
    for group in trial.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    trial.step()
    needed = [set(entry) for entry in trial.state.values() if entry]
    return all(need <= kept[0] for need in needed)


def _flat(places: list[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(places))


def _short(configured: dict[str, Any]) -> str:
    name: str = configured["class"]
    return name.rpartition(".")[2]

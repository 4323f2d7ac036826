"""What is to be sampled: a function, a distribution or a network, as one log-density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MixtureSameFamily, constraints

from lightning_ebm.chain import per_point
from lightning_ebm.described import described
from lightning_ebm.energies import Energy
from lightning_ebm.errors import SettingError
from lightning_ebm.module.distribution import ModelDistribution
from lightning_ebm.module.normalised import NormalisedModel
from lightning_ebm.needed import needed
from lightning_ebm.networks import bare
from lightning_ebm.random_state import isolated

LogDensity = Callable[[Tensor], Tensor]
Sign = Literal["energy", "log_density"]
Sampled = LogDensity | Distribution | nn.Module
"""What may be sampled."""


@dataclass(frozen=True)
class Target:
    """A log-density that need not be normalised, and what is known of it.

    Attributes:
        log_density: maps points `(n, *event)` to numbers `(n,)`, differentiably.
        event_shape: shape of one point, if the target says it.
        support: where the density is above zero, if that is not all of space.
        networks: what it is made of; frozen while a sampler runs.
        like: of the type and on the device of points.
    """

    log_density: LogDensity
    event_shape: tuple[int, ...] | None
    support: constraints.Constraint | None
    networks: tuple[nn.Module, ...]
    like: Tensor


def as_target(target: Sampled, sign: Sign | None) -> Target:
    """A target of whatever was given.

    Args:
        target: a function or a distribution is a log-density; an `Energy` and the energy of an
            `EBMLightningModule` are energies; of any other network it must be said.
        sign: what a network is.

    Raises:
        SettingError: if a network may be either, or a distribution cannot be sampled by chains.
    """
    if sign not in {None, "energy", "log_density"}:
        raise SettingError(f"target_is is {sign!r}: give 'energy' or 'log_density'")
    if isinstance(target, ModelDistribution):
        target = target.model
    if isinstance(target, NormalisedModel):
        _refuse_sign(target, sign)
        problem = target.problem(None, target.evaluated_energy)
        like = target.reference.mean.new_empty(0)
        of_model = problem.log_density, tuple(target.event_shape), None, problem.networks
        return Target(*of_model, like)
    if isinstance(target, Distribution):
        _refuse_sign(target, sign)
        return _of_distribution(target)
    if isinstance(target, nn.Module) and not hasattr(target, "log_prob"):
        return _of_network(target, sign)
    _refuse_sign(target, sign)
    log_density = getattr(target, "log_prob", target)
    if not callable(log_density) or isinstance(target, type):
        raise SettingError(
            f"target is {described(target)}: give a function from points (n, *event) to "
            "log-densities (n,), a torch.distributions object, or a network"
        )
    shape = getattr(target, "event_shape", None)
    networks = (target,) if isinstance(target, nn.Module) else ()
    return Target(
        log_density, None if shape is None else tuple(shape), None, networks, _like(networks)
    )


def _of_network(network: nn.Module, sign: Sign | None) -> Target:
    is_energy = Energy in type(bare(network)).__mro__
    if is_energy and sign == "log_density":
        raise SettingError(
            f"target_is is 'log_density', but {type(network).__name__} is an Energy: leave it out"
        )
    if not is_energy and sign is None:
        raise SettingError(
            f"target is {type(network).__name__}, a network that may give energies or "
            "log-densities: say which, target_is='energy' or target_is='log_density'"
        )
    factor = 1.0 if sign == "log_density" else -1.0

    def log_density(x: Tensor) -> Tensor:
        values: Tensor = network(x)
        return factor * (values.squeeze(1) if values.dim() == 2 else values)

    shape = getattr(bare(network), "event_shape", None)
    return Target(
        log_density,
        None if shape is None else tuple(shape),
        None,
        (network,),
        _like((network,)),
    )


def _of_distribution(target: Distribution) -> Target:
    name = type(target).__name__
    if len(target.batch_shape) > 0:
        raise SettingError(
            f"target is {name} of batch_shape {tuple(target.batch_shape)}, as many distributions: "
            f"make it one by torch.distributions.Independent(target, {len(target.batch_shape)})"
        )
    try:
        support = _support(target)
    except NotImplementedError:
        support = None
    if support is not None and support.is_discrete:
        raise SettingError(f"target is {name}, which is discrete: samplers follow gradients")
    try:
        with isolated():
            like = target.sample().new_empty(0)
    except NotImplementedError:
        like = torch.empty(0)

    def log_density(x: Tensor) -> Tensor:
        inside = x.isfinite().flatten(1).all(1) if x.dim() > 1 else x.isfinite()
        if inside.all():
            return target.log_prob(x)
        # Distributions refuse what is not finite, and proposals may be.
        stand_in = x[inside][:1] if inside.any() else torch.zeros_like(x[:1])
        values = target.log_prob(torch.where(per_point(inside, x), x, stand_in))
        return torch.where(inside, values, -torch.inf)

    everywhere = support is None or _plain(support) is constraints.real
    shape = tuple(target.event_shape)
    return Target(log_density, shape, None if everywhere else support, (), like)


def _support(target: Distribution) -> constraints.Constraint:
    """Where a distribution has a density: a mixture, where its components have one in common.

    Raises:
        SettingError: if they have not.
    """
    if not isinstance(target, MixtureSameFamily):
        return needed(target.support)
    shared: constraints.Constraint = needed(target.component_distribution.support)
    bounds = vars(_plain(shared)).values()
    if any(isinstance(bound, Tensor) and bound.dim() > 0 for bound in bounds):
        raise SettingError(
            f"the supports of the target's components differ, {shared}, and for such a mixture "
            "torch has no bijection (biject_to): give a function, and bounds around all of them"
        )
    return shared


def _plain(support: constraints.Constraint) -> constraints.Constraint:
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support


def _like(networks: tuple[nn.Module, ...]) -> Tensor:
    weights = (part for network in networks for part in network.parameters())
    first = next((part for part in weights if part.is_floating_point()), torch.empty(0))
    return first.detach().new_empty(0)


def _refuse_sign(target: object, sign: Sign | None) -> None:
    if sign is not None:
        raise SettingError(
            f"target_is is '{sign}', but {type(target).__name__} is no bare network: leave it out"
        )

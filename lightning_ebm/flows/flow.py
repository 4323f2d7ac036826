"""The companion flow: one face over any model of normflows or zuko."""

from __future__ import annotations

import copy
from abc import ABC
from math import prod
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from lightning_ebm.errors import SettingError
from lightning_ebm.flows.maps import map_of
from lightning_ebm.flows.mixture_base import MixtureBase
from lightning_ebm.random_state import isolated
from lightning_ebm.ranges import require_shape


class Flow(nn.Module, ABC):
    """Any invertible model with a density: x = location + scale · T(z).

    Log-determinants are summed in the type of the points, and (x, log q) of a draw come from the
    direction in which it was made. In YAML a model itself passes for a flow, and is wrapped.

    Args:
        model: a `normflows.NormalizingFlow`, a `normflows.MultiscaleFlow` without classes, or a
            flow of zuko without context.
        event_shape: shape of one data point; by default that of the base distribution.
        standardise: whether `initialise` fits location and scale to data.

    Raises:
        SettingError: if the model is no flow, or cannot be drawn from and inverted.
    """

    location: Tensor
    scale: Tensor

    def __init__(
        self,
        model: nn.Module,
        event_shape: list[int] | None = None,
        standardise: bool = True,  # noqa: FBT001, FBT002 - a name in YAML
    ) -> None:
        super().__init__()
        self.model = model
        self.map = map_of(model)
        self.base = self.map.base
        self.latent_shape = self.base.event_shape
        given = self.map.shape if event_shape is None else event_shape
        if given is None:
            raise SettingError(
                f"event_shape is missing: a {type(model).__name__} needs it, e.g. [1, 28, 28]"
            )
        self.event_shape = require_shape("event_shape", given)
        if prod(self.event_shape) != prod(self.latent_shape):
            raise SettingError(
                f"event_shape is {list(self.event_shape)}, but the flow's base has "
                f"{prod(self.latent_shape)} coordinates: the two must agree in number"
            )
        self.standardise = standardise
        self.register_buffer("location", torch.zeros(self.event_shape))
        self.register_buffer("scale", torch.ones(()))
        if type(self) is Flow:
            rehearse(self)

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        # So that YAML may name any model: what it is, is seen when it is wrapped.
        return issubclass(other, nn.Module) if cls is Flow else NotImplemented

    @torch.no_grad()
    def initialise(self, data: Tensor) -> None:
        """Fit location, scale and a mixture base to data; let layers initialise on it.

        The scale is one number, the standard deviation over all coordinates, so that coordinates
        that hardly vary are not blown up.
        """
        if self.standardise:
            self.location.copy_(data.mean(0))
            self.scale.copy_((data - self.location).square().mean().sqrt().clamp(min=1e-6))
        z, _ = self.inverse(data)
        base = getattr(self.model, "q0", None)
        if isinstance(base, MixtureBase):
            base.fit(z)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map latent points `(n, latent)` to `(x (n, *event), log|det ∂x/∂z| (n,))`."""
        y, log_det = self.map.forward(z)
        return self._to_data(y), log_det + self._log_scale()

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map points `(n, *event)` to `(z (n, latent), log|det ∂z/∂x| (n,))`."""
        z, log_det = self.map.inverse(self._from_data(x))
        return z, log_det - self._log_scale()

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points with their log-densities."""
        z, log_base = self.base.sample(n)
        x, log_det = self.forward(z)
        return x, log_base - log_det

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density `(n,)` of points."""
        z, log_det = self.inverse(x)
        return self.base.log_prob(z) + log_det

    def _log_scale(self) -> Tensor:
        return self.scale.log() * prod(self.event_shape)

    def _to_data(self, y: Tensor) -> Tensor:
        return self.location + self.scale * y.view(-1, *self.event_shape)

    def _from_data(self, x: Tensor) -> Tensor:
        y = (x - self.location) / self.scale
        return y if self.map.shape is None else y.view(len(x), *self.map.shape)


if TYPE_CHECKING:
    AnyFlow = nn.Module
else:
    # Any module is a subclass of `Flow`, as `issubclass` says, and help on YAML names that.
    AnyFlow = Flow


def as_flow(model: nn.Module) -> Flow:
    """A flow as it is, or another library's model as one.

    Raises:
        SettingError: if it is none.
    """
    # `isinstance` says of any module that it is one.
    return cast("Flow", model) if Flow in type(model).__mro__ else Flow(model)


def rehearse(flow: Flow) -> None:
    """Draw from a copy of a flow of anybody's and invert it; the flow stays as it is.

    Raises:
        SettingError: if that fails, or gives other shapes than a flow's.
    """
    name = type(flow.model).__name__
    trial = copy.deepcopy(flow)
    # What layers fit to their first points is fitted in the copy.
    with isolated(), torch.no_grad():
        try:
            x, log_prob = trial.sample(2)
            z, log_det = trial.inverse(x)
        # Anybody's layers, which may have no inverse or be for other points.
        except Exception as failure:
            raise SettingError(
                f"model.flow is {name}, which cannot be drawn from and inverted "
                f"({type(failure).__name__}: {failure}): give layers that are made for points of "
                f"{prod(flow.latent_shape)} coordinates and have both directions"
            ) from failure
    shapes = [tuple(part.shape) for part in (x, log_prob, z, log_det)]
    if shapes != [(2, *flow.event_shape), (2,), (2, *flow.latent_shape), (2,)]:
        raise SettingError(
            f"model.flow is {name}, which gives points, log-densities, latent points and "
            f"log-determinants of shapes {shapes} for 2 points: give layers of one number a point"
        )


def require_coordinates(event_shape: list[int]) -> int:
    """The coordinates of a point, of which couplings need two: one part moves by the other.

    Raises:
        SettingError: if there are fewer.
    """
    features = prod(require_shape("event_shape", event_shape))
    if features < 2:
        raise SettingError(
            f"event_shape is {list(event_shape)}: couplings move one part of a point by the "
            "other, and need 2 coordinates or more"
        )
    return features

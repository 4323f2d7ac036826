"""What a flow is made of: the one map, from a base, that each library's models have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import reduce
from math import prod
from operator import add

import normflows as nf
import numpy
import torch
from torch import Tensor, nn

from lightning_ebm.errors import SettingError
from lightning_ebm.flows.accepted import Called, NormflowsBase


class Base(ABC):
    """A base distribution over flat vectors.

    Not a module: the flow's model holds the parameters.

    Attributes:
        shapes: shapes of its parts.
        event_shape: shape of all parts as one flat vector.
    """

    shapes: list[tuple[int, ...]]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of all parts as one flat vector."""
        return (sum(prod(shape) for shape in self.shapes),)

    @abstractmethod
    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n latent points `(n, latent)` with their log-densities."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density `(n,)` of latent points."""

    @abstractmethod
    def parameters(self) -> list[nn.Parameter]:
        """What can be learned of it."""


class Map(ABC):
    """An invertible map of latent vectors, and the base that it maps.

    To make another library's models flows: implement it, and let `map_of` know.

    Attributes:
        base: the base.
        shape: shape of one point that the map gives; None where the model does not tell.
    """

    base: Base
    shape: tuple[int, ...] | None

    @abstractmethod
    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map latent points `(n, latent)` to `(y (n, *shape), log|det ∂y/∂z| (n,))`."""

    @abstractmethod
    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map points `(n, *shape)` to `(z (n, latent), log|det ∂z/∂y| (n,))`."""


def map_of(model: nn.Module) -> Map:
    """The map of a model of normflows or zuko.

    Raises:
        SettingError: if it is neither.
    """
    if isinstance(model, nf.MultiscaleFlow):
        return MultiscaleMap(model)
    if isinstance(model, nf.NormalizingFlow):
        return LayersMap(model)
    return DistributionMap(model)


class FlatBase(Base):
    """The base distributions of a model of normflows as one distribution."""

    def __init__(self, bases: list[NormflowsBase]) -> None:
        if not all(isinstance(base, nn.Module) for base in bases):
            raise SettingError(
                "model.flow has a base, q0, that is no distribution: give a class of "
                "normflows.distributions, with all that it needs"
            )
        self.bases = bases
        for base in bases:
            # A number of numpy's is an array to torch's compiler, and one that it cannot guard.
            if isinstance(vars(base).get("d"), numpy.integer):
                vars(base)["d"] = int(vars(base)["d"])
        with torch.no_grad():
            self.shapes = [tuple(base(1)[0].shape[1:]) for base in bases]

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n latent points with their log-densities."""
        draws = [base(n) for base in self.bases]
        return self.join([z for z, _ in draws]), reduce(add, [log_prob for _, log_prob in draws])

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density `(n,)` of latent points."""
        parts = zip(self.bases, self.split(z), strict=True)
        return reduce(add, [base.log_prob(part) for base, part in parts])

    def parameters(self) -> list[nn.Parameter]:
        """Those of the bases."""
        return [p for base in self.bases for p in base.parameters()]

    def split(self, z: Tensor) -> list[Tensor]:
        """Cut flat points into those of each base."""
        pieces = z.split([prod(shape) for shape in self.shapes], dim=1)
        return [p.reshape(-1, *shape) for p, shape in zip(pieces, self.shapes, strict=True)]

    def join(self, parts: list[Tensor]) -> Tensor:
        """Flatten and concatenate the points of each base."""
        return torch.cat([part.flatten(1) for part in parts], dim=1)


class LayersMap(Map):
    """The layers of a `normflows.NormalizingFlow`."""

    base: FlatBase

    def __init__(self, model: nf.NormalizingFlow) -> None:
        self.model = model
        self.base = FlatBase([model.q0])
        self.shape = self.base.shapes[0]

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Apply all layers."""
        (y,), log_det = self.base.split(z), z.new_zeros(len(z))
        for layer in self.model.flows:
            y, change = layer(y)
            log_det = log_det + change
        return y, log_det

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Undo all layers."""
        log_det = y.new_zeros(len(y))
        for layer in reversed(self.model.flows):
            y, change = layer.inverse(y)
            log_det = log_det + change
        return self.base.join([y]), log_det


class MultiscaleMap(Map):
    """The levels of a `normflows.MultiscaleFlow` without classes."""

    base: FlatBase

    def __init__(self, model: nf.MultiscaleFlow) -> None:
        self.model = model
        self.base = FlatBase(list(model.q0))
        self.shape = None

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Merge the levels."""
        mapped: tuple[Tensor, Tensor] = self.model.forward_and_log_det(self.base.split(z))
        return mapped

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Split into the levels."""
        parts, log_det = self.model.inverse_and_log_det(y)
        return self.base.join(parts), log_det


class DistributionBase(Base):
    """The base of a model that, when called, gives a distribution, as those of zuko do."""

    def __init__(self, model: Callable[[], Called], shape: tuple[int, ...]) -> None:
        self.model = model
        self.shapes = [shape]

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n latent points with their log-densities."""
        base = self.model().base
        z = base.sample((n,))
        return z.flatten(1), base.log_prob(z)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density `(n,)` of latent points."""
        log_prob: Tensor = self.model().base.log_prob(z.view(-1, *self.shapes[0]))
        return log_prob

    def parameters(self) -> list[nn.Parameter]:
        """Those of the module that makes the base, where there is one."""
        base = getattr(self.model, "base", None)
        return list(base.parameters()) if isinstance(base, nn.Module) else []


class DistributionMap(Map):
    """A model that, when called, gives a distribution with `base` and `transform`, data to base.

    Args:
        model: such a module; every flow of zuko without context is one.

    Raises:
        SettingError: if it is none.
    """

    shape: tuple[int, ...]

    def __init__(self, model: nn.Module) -> None:
        self.model: Callable[[], Called] = model
        with torch.no_grad():
            base = self._called().base
            shape = tuple(base.event_shape)
        self.base = DistributionBase(model, shape)
        self.shape = shape

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Invert the transform."""
        return _where_finite(self.model().transform.inv.call_and_ladj, z.view(-1, *self.shape))

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the transform."""
        z, log_det = _where_finite(self.model().transform.call_and_ladj, y)
        return z.flatten(1), log_det

    def _called(self) -> Called:
        try:
            made = self.model()
        # Anybody's module, called in a way that it was perhaps not made for.
        except Exception as failure:
            reason = f"called without arguments it raises {type(failure).__name__}: {failure}"
            raise self._refusal(reason) from failure
        for name in ("base", "transform"):
            if not hasattr(made, name):
                raise self._refusal(f"what it gives when called has no {name}")
        try:
            made.transform.call_and_ladj(made.base.sample((2,)))
        except Exception as failure:
            reason = f"its transform raises {type(failure).__name__}: {failure}"
            raise self._refusal(reason) from failure
        return made

    def _refusal(self, reason: str) -> SettingError:
        return SettingError(
            f"model.flow is {type(self.model).__name__}, and no flow ({reason}): give a flow of "
            "lightning_ebm, a normflows.NormalizingFlow or MultiscaleFlow, or a flow of zuko "
            "without context"
        )


def _where_finite(
    transform: Callable[[Tensor], tuple[Tensor, Tensor]], x: Tensor
) -> tuple[Tensor, Tensor]:
    """Transform points; NaN of those that are not finite, on which solvers may never end."""
    sound = x.isfinite().flatten(1).all(1)
    where = sound.view(-1, *[1] * (x.dim() - 1))
    y, log_det = transform(torch.where(where, x, 0.0))
    return torch.where(where, y, torch.nan), torch.where(sound, log_det, torch.nan)

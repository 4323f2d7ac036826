"""The companion flow: one face over any normflows model."""

from __future__ import annotations

from math import prod

import normflows as nf
import torch
from torch import Tensor, nn

from lightning_ebm.errors import SettingError
from lightning_ebm.flows.mixture_base import MixtureBase
from lightning_ebm.ranges import require_shape


class Flow(nn.Module):
    """Any normflows model as an invertible map with a density: x = location + scale · T(z).

    Log-determinants are summed in the type of the points, and (x, log q) of a draw come from the
    direction in which it was made.

    Args:
        model: a `normflows.NormalizingFlow` or `normflows.MultiscaleFlow` without classes.
        event_shape: shape of one data point; by default that of the base distribution.
        standardise: whether `initialise` fits location and scale to data.
    """

    def __init__(
        self,
        model: nn.Module,
        event_shape: list[int] | None = None,
        standardise: bool = True,  # noqa: FBT001, FBT002 - a name in YAML
    ) -> None:
        super().__init__()
        if not isinstance(model, (nf.NormalizingFlow, nf.MultiscaleFlow)):
            raise SettingError(
                f"a flow wraps a normflows.NormalizingFlow or MultiscaleFlow, not a "
                f"{type(model).__name__}: build one of these"
            )
        self.model = model
        self.multiscale = isinstance(model, nf.MultiscaleFlow)
        bases = list(model.q0) if self.multiscale else [model.q0]
        self.base = FlatBase(bases)
        self.latent_shape = self.base.event_shape
        if event_shape is None and self.multiscale:
            raise SettingError(
                "event_shape is missing: a MultiscaleFlow needs it, e.g. [1, 28, 28]"
            )
        given = self.base.shapes[0] if event_shape is None else event_shape
        self.event_shape = require_shape("event_shape", given)
        if prod(self.event_shape) != prod(self.latent_shape):
            raise SettingError(
                f"event_shape is {list(self.event_shape)}, but the flow's base has "
                f"{prod(self.latent_shape)} coordinates: the two must agree in number"
            )
        self.standardise = standardise
        self.register_buffer("location", torch.zeros(self.event_shape))
        self.register_buffer("scale", torch.ones(()))

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
        if isinstance(getattr(self.model, "q0", None), MixtureBase):
            self.model.q0.fit(z)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map latent points `(n, latent)` to `(x (n, *event), log|det ∂x/∂z| (n,))`."""
        parts = self.base.split(z)
        if self.multiscale:
            y, log_det = self.model.forward_and_log_det(parts)
        else:
            y, log_det = parts[0], z.new_zeros(len(z))
            for layer in self.model.flows:
                y, change = layer(y)
                log_det = log_det + change
        return self._to_data(y), log_det + self._log_scale()

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map points `(n, *event)` to `(z (n, latent), log|det ∂z/∂x| (n,))`."""
        y = self._from_data(x)
        if self.multiscale:
            parts, log_det = self.model.inverse_and_log_det(y)
        else:
            log_det = x.new_zeros(len(x))
            for layer in reversed(self.model.flows):
                y, change = layer.inverse(y)
                log_det = log_det + change
            parts = [y]
        return self.base.join(parts), log_det - self._log_scale()

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
        return y if self.multiscale else y.view(len(x), *self.base.shapes[0])


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


class FlatBase:
    """The base distributions of a flow as one distribution over flat vectors.

    Not a module: the flow's model holds the parameters.
    """

    def __init__(self, bases: list[nn.Module]) -> None:
        self.bases = bases
        with torch.no_grad():
            self.shapes = [tuple(base(1)[0].shape[1:]) for base in bases]
        self.event_shape = (sum(prod(shape) for shape in self.shapes),)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n latent points `(n, latent)` with their log-densities."""
        draws = [base(n) for base in self.bases]
        return self.join([z for z, _ in draws]), sum(log_prob for _, log_prob in draws)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density `(n,)` of latent points."""
        parts = zip(self.bases, self.split(z), strict=True)
        return sum(base.log_prob(part) for base, part in parts)

    def split(self, z: Tensor) -> list[Tensor]:
        """Cut flat points into those of each base."""
        pieces = z.split([prod(shape) for shape in self.shapes], dim=1)
        return [p.reshape(-1, *shape) for p, shape in zip(pieces, self.shapes, strict=True)]

    def join(self, parts: list[Tensor]) -> Tensor:
        """Flatten and concatenate the points of each base."""
        return torch.cat([part.flatten(1) for part in parts], dim=1)

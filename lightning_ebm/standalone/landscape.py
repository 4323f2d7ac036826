"""A target over the space that its chains move in, as the problem that samplers are given."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.errors import SettingError
from lightning_ebm.flows import Flow
from lightning_ebm.networks import sampling
from lightning_ebm.problem import Problem
from lightning_ebm.standalone.spaces import Space
from lightning_ebm.standalone.target import Target


@dataclass(frozen=True)
class Landscape:
    """A density over chains' points y `(n, *shape)`, which have one coordinate at least.

    Attributes:
        target: the density of points x.
        space: maps y to x.
        event_shape: of x.
    """

    target: Target
    space: Space
    event_shape: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one point y."""
        return self.space.shape or (1,)

    def to_target(self, y: Tensor) -> Tensor:
        """Points x `(n, *event)`."""
        return self.space.to_target(self._bare(y))

    def from_target(self, x: Tensor) -> Tensor:
        """Points y `(n, *shape)`."""
        return self.space.from_target(x).reshape(len(x), *self.shape)

    def log_density(self, y: Tensor) -> Tensor:
        """Unnormalised log-density of points y `(n,)`."""
        bare = self._bare(y)
        values = self.target.log_density(self.space.to_target(bare))
        # Other shapes would be broadcast in silence.
        if values.shape != y.shape[:1]:
            raise SettingError(
                f"target gives shape {tuple(values.shape)} for {len(y)} points: give one "
                f"log-density for each, shape ({len(y)},)"
            )
        return values + self.space.log_volume(bare)

    def begin_at(self, x: Tensor) -> Tensor:
        """Points y `(n, *shape)` for given points x `(n, *event)`.

        Raises:
            SettingError: if one lies outside of bounds or support.
        """
        y = self.from_target(x)
        back = self.to_target(y)
        if not (y.isfinite().all() and torch.allclose(back, x, rtol=1e-3, atol=1e-4)):
            raise SettingError(
                "start has points outside of the target's bounds or support: give points inside"
            )
        return y

    def noise(self, begun: Tensor | None = None) -> GaussianBase:
        """A Gaussian as wide as the points where chains begin, or as the space says.

        Args:
            begun: those points `(n, *shape)`, if they were given.
        """
        noise = GaussianBase(event_shape=self.shape)
        noise.mean = self.space.centre.reshape(self.shape)
        noise.deviation = self.space.width.reshape(self.shape)
        if begun is not None and len(begun) > 1 and bool((begun.std(0) > 0).all()):
            noise.mean, noise.deviation = begun.mean(0), begun.std(0)
        return noise

    def problem(self, noise: GaussianBase, data: Tensor, flow: Flow | None = None) -> Problem:
        """What a sampler is asked to sample.

        Args:
            noise: where chains begin that begin as noise.
            data: points where chains begin that begin at data.
            flow: what proposes and pulls back, if anything.
        """
        networks = self.target.networks if flow is None else (*self.target.networks, flow)
        return Problem(
            log_density=self.log_density,
            event_shape=self.shape,
            reference=noise,
            proposal=flow,
            flow=flow,
            data=data,
            networks=networks,
        )

    def _bare(self, y: Tensor) -> Tensor:
        return y.reshape(len(y), *self.space.shape)


def require_usable(problem: Problem, y: Tensor) -> None:
    """Raise `SettingError` unless a target has a number and a gradient at points y `(n, *shape)`.

    Raises:
        SettingError: if it raises, has other shapes, no gradient, is nowhere finite, or depends on
            what other points are in a batch.
    """
    shape = tuple(y.shape[1:])
    try:
        log_prob, score = problem.log_prob_and_score(y)
    except SettingError:
        raise
    # Anybody's function, on points that it was perhaps not made for: it may raise anything.
    except Exception as failure:
        raise SettingError(
            f"target cannot be sampled at points of shape {list(shape)}: "
            f"{type(failure).__name__}: {failure}: it maps points (n, *event) to log-densities "
            "(n,), by operations that torch differentiates"
        ) from failure
    usable = log_prob.isfinite() & score.flatten(1).isfinite().all(1)
    if not usable.any():
        raise SettingError(
            f"target has no finite log-density and score at any of the {len(y)} points where "
            "chains begin: give start, where it has"
        )
    first = int(usable.nonzero()[0])
    # In a batch of the same size, lest another order of summation be taken for another value.
    with torch.no_grad(), sampling(*problem.networks):
        alone = problem.log_density(y[first].expand_as(y).clone())[first]
    if not torch.allclose(alone, log_prob[first], rtol=1e-3, atol=1e-3):
        raise SettingError(
            "target gives a point another log-density when other points are in its batch: look "
            "at one point at a time, as a mean over axis 0 does not"
        )

"""Known targets that kernels are tried on, their exact draws, and a check of anybody's draws."""

from __future__ import annotations

import math

import torch
from scipy.stats import kstest
from torch import Tensor

from lightning_ebm import Problem


class GaussianMixture:
    """A mixture of Gaussians in float64: density, exact draws, moments, projections.

    Args:
        weights: weights of the components.
        means: means, one row per component.
        roots: one matrix A per component, the component's covariance being A Aᵀ.
    """

    def __init__(
        self,
        weights: list[float],
        means: list[list[float]],
        roots: list[list[list[float]]],
    ) -> None:
        self.weights = torch.tensor(weights, dtype=torch.float64)
        self.means = torch.tensor(means, dtype=torch.float64)
        self.roots = torch.tensor(roots, dtype=torch.float64)
        self.covariances = self.roots @ self.roots.mT
        self.whitening = self.roots.inverse()
        d = self.means.shape[1]
        self.log_scale = (
            self.weights.log() + self.whitening.det().abs().log() - d / 2 * math.log(2 * math.pi)
        )

    def log_prob(self, x: Tensor) -> Tensor:
        """Normalised log-density."""
        parts = [
            scale - ((x - mean) @ whitening.T).square().sum(1) / 2
            for scale, mean, whitening in zip(
                self.log_scale, self.means, self.whitening, strict=True
            )
        ]
        return torch.stack(parts, 1).logsumexp(1)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n independent points with their log-densities."""
        component = self.weights.multinomial(n, replacement=True)
        noise = torch.randn(n, self.means.shape[1], 1, dtype=torch.float64)
        x = self.means[component] + (self.roots[component] @ noise).squeeze(2)
        return x, self.log_prob(x)

    def mean(self) -> Tensor:
        """Mean of the mixture."""
        return self.weights @ self.means

    def covariance(self) -> Tensor:
        """Covariance of the mixture."""
        centred = self.means - self.mean()
        between = centred[:, :, None] * centred[:, None, :]
        return (self.weights[:, None, None] * (self.covariances + between)).sum(0)

    def projected_cdf(self, direction: Tensor, values: Tensor) -> Tensor:
        """Distribution function of the coordinate along a direction."""
        means = self.means @ direction
        deviations = (direction @ self.covariances @ direction).sqrt()
        standard = (values[:, None] - means) / deviations
        return torch.special.ndtr(standard) @ self.weights

    def problem(self, *, proposal: object = None, flow: object = None) -> Problem:
        """The mixture as a problem, unnormalised on purpose."""
        wide = torch.eye(self.means.shape[1], dtype=torch.float64) * 3
        reference = GaussianMixture([1.0], [self.mean().tolist()], [wide.tolist()])
        return Problem(
            log_density=lambda x: self.log_prob(x) + 1.3,
            event_shape=(self.means.shape[1],),
            reference=reference,
            proposal=proposal,
            flow=flow,
        )


class StandardNormal:
    """Independent standard normal coordinates of any shape and type."""

    def __init__(self, event_shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> None:
        self.event_shape = event_shape
        self.dtype = dtype

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points with their log-densities."""
        x = torch.randn(n, *self.event_shape, dtype=self.dtype)
        return x, self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of points."""
        return -(x.square() / 2 + math.log(2 * math.pi) / 2).flatten(1).sum(1)

    def problem(self) -> Problem:
        """The distribution as a problem whose proposal and reference it is."""
        return Problem(self.log_prob, self.event_shape, reference=self, proposal=self)


def correlated_gaussian() -> GaussianMixture:
    """A Gaussian in 3-D with correlations up to .8 and scales from .6 to 1.5."""
    root = [[1.5, 0.0, 0.0], [0.6, 0.5, 0.0], [-0.2, 0.3, 0.5]]
    return GaussianMixture([1.0], [[0.5, -1.0, 0.2]], [root])


def two_directions() -> GaussianMixture:
    """Two overlapping 2-D components, each long in a direction of its own; weights .3 and .7."""
    return GaussianMixture(
        [0.3, 0.7],
        [[-0.6, 0.0], [0.8, 0.4]],
        [[[1.2, 0.0], [0.0, 0.4]], [[0.4, 0.3], [-0.3, 1.0]]],
    )


def bad_proposal(d: int) -> GaussianMixture:
    """A proposal with a wrong mean and twice the width: correct weights must make up for it."""
    mean = [0.9, -0.8, 0.7][:d]
    return GaussianMixture([1.0], [mean], [(2.0 * torch.eye(d)).tolist()])


def check_draws(x: Tensor, target: GaussianMixture) -> None:
    """Fail unless independent draws have the target's first two moments and projections.

    Each mean and each product of two coordinates within 4.5 standard errors (two-sided p = 7e-6);
    Kolmogorov-Smirnov on 6 directions, each p > 1e-4.
    """
    n, d = x.shape
    centred = x - target.mean()
    errors = target.covariance().diagonal().sqrt() / math.sqrt(n)
    z_mean = centred.mean(0) / errors
    assert z_mean.abs().max() < 4.5, f"means are off by {z_mean.tolist()} standard errors"
    products = centred[:, :, None] * centred[:, None, :]
    z_products = (products.mean(0) - target.covariance()) / (products.std(0) / math.sqrt(n))
    assert z_products.abs().max() < 4.5, f"covariances are off by {z_products.tolist()}"
    generator = torch.Generator().manual_seed(7)
    directions = torch.randn(6, d, generator=generator, dtype=torch.float64)
    for direction in directions / directions.norm(dim=1, keepdim=True):
        uniform = target.projected_cdf(direction, x @ direction)
        p = kstest(uniform.numpy(), "uniform").pvalue
        assert p > 1e-4, f"along {direction.tolist()} the distribution differs, p = {p:.1e}"

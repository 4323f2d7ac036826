"""Known targets: exact draws, and functions of them that are uniform; problems made from them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lightning_ebm.problem import Distribution, Problem
from lightning_ebm.testing.networks import HeavyFlow, WatchfulEnergy
from lightning_ebm.testing.normal import LOG_TWO_PI, Normal, chi_square


class Known:
    """A mixture of Gaussians with everything known about it, at a temperature.

    p(x) ∝ (Σ_k w_k N(x; m_k, C_k))^(1/T). For T ≠ 1 it must have one component, whose covariance
    is then T C.

    Args:
        weights: weights of the components.
        means: their means.
        roots: matrices A_k with C_k = A_k A_kᵀ.
        temperature: T.
    """

    def __init__(
        self,
        weights: list[float],
        means: list[list[float]],
        roots: list[list[list[float]]],
        temperature: float = 1.0,
    ) -> None:
        self.weights = torch.tensor(weights)
        self.means = torch.tensor(means)
        self.roots = torch.tensor(roots)
        self.temperature = temperature

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of the mixture at T = 1, `(n, d)` to `(n,)`."""
        return self._joint(x).logsumexp(1)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points of the target at its temperature."""
        component = self.weights.multinomial(n, replacement=True)
        noise = math.sqrt(self.temperature) * torch.randn(n, self.means.shape[1], 1)
        x = self.means[component] + (self.roots[component] @ noise).squeeze(2)
        return x, self.log_prob(x)

    def covariances(self) -> Tensor:
        """Covariance of each component at the temperature, `(K, d, d)`."""
        return self.temperature * self.roots @ self.roots.mT

    def uniforms(self, x: Tensor) -> dict[str, Tensor]:
        """Functions of points `(..., d)` that are uniform on [0, 1] under the target.

        Distribution functions along the axes, their diagonals and the line between two modes, and
        of the distance from the centre if there is one component.
        """
        d = self.means.shape[1]
        axes = torch.eye(d)
        directions = {f"coordinate {i}": axes[i] for i in range(d)}
        for i in range(d):
            for j in range(i):
                directions |= {f"coordinates {j} + {i}": axes[i] + axes[j]}
                directions |= {f"coordinates {j} - {i}": axes[j] - axes[i]}
        if len(self.weights) > 1:
            directions["the line between modes"] = self.means[1] - self.means[0]
            return {name: self.projected(x, along) for name, along in directions.items()}
        whitened = (x - self.means[0]) @ self.roots[0].inverse().mT / math.sqrt(self.temperature)
        uniforms = {name: self.projected(x, along) for name, along in directions.items()}
        return uniforms | {"the distance from the centre": chi_square(whitened)}

    def projected(self, x: Tensor, direction: Tensor) -> Tensor:
        """Distribution function along a direction, at points `(..., d)`."""
        deviations = (direction @ self.covariances() @ direction).sqrt()
        standard = ((x @ direction)[..., None] - self.means @ direction) / deviations
        value: Tensor = torch.special.ndtr(standard) @ self.weights
        return value

    def problem(self, reference: Distribution, n_data: int = 256) -> Problem:
        """The target as a problem, unnormalised, with an imperfect flow and exact data."""
        energy = WatchfulEnergy(self)
        flow = HeavyFlow((self.means.shape[1],), scale=1.3 * math.sqrt(self.temperature))
        return Problem(
            log_density=lambda x: -energy(x) / self.temperature,
            event_shape=(self.means.shape[1],),
            reference=reference,
            proposal=flow,
            flow=flow,
            data=self.sample(n_data)[0],
            networks=(energy, flow),
        )

    def _joint(self, x: Tensor) -> Tensor:
        centred = x[:, None] - self.means.to(x)
        whitened = torch.einsum("kij,nkj->nki", self.roots.inverse().to(x), centred)
        scale: Tensor = self.weights.log() - torch.linalg.slogdet(self.roots).logabsdet
        return scale.to(x) - whitened.square().sum(2) / 2 - LOG_TWO_PI * x.shape[1] / 2


def correlated(temperature: float = 1.0) -> Known:
    """A Gaussian in three dimensions with correlations up to .8."""
    root = [[1.0, 0.0, 0.0], [0.6, 0.5, 0.0], [-0.2, 0.3, 0.6]]
    return Known([1.0], [[0.3, -0.5, 0.2]], [root], temperature)


def overlapping() -> Known:
    """Two components of weights .3 and .7, each long in a direction of its own."""
    roots = [[[1.2, 0.0], [0.0, 0.4]], [[0.4, 0.3], [-0.3, 1.0]]]
    return Known([0.3, 0.7], [[-0.6, 0.0], [0.8, 0.4]], roots)


def near(target: Normal, networks: tuple[nn.Module, ...] = (), n_data: int = 64) -> Problem:
    """A normal target as a problem that begins at itself, with a flow equally near in any d.

    The flow is too wide by exp(.37/√d) and has tails of power 1 + .15/√d, so that log p - log q
    varies as much in 256 dimensions as in two.
    """
    root = math.sqrt(math.prod(target.event_shape))
    scale = math.exp(0.37 / root) * target.deviation.flatten()
    flow = HeavyFlow(target.event_shape, scale, power=1 + 0.15 / root)
    return Problem(
        target.log_prob,
        target.event_shape,
        reference=target,
        proposal=flow,
        flow=flow,
        data=target.sample(n_data)[0],
        networks=(flow, *networks),
    )

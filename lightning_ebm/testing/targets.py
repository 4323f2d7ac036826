"""Known targets: exact draws, moments and projections; networks that notice misuse; a flow."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lightning_ebm.problem import Distribution, Problem

LOG_TWO_PI = math.log(2 * math.pi)


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

    def first_component(self, x: Tensor) -> Tensor:
        """Probability that each point belongs to the first component, `(n,)`."""
        return self._joint(x).softmax(1)[:, 0]

    def covariances(self) -> Tensor:
        """Covariance of each component at the temperature, `(K, d, d)`."""
        return self.temperature * self.roots @ self.roots.mT

    def projected(self, x: Tensor, direction: Tensor) -> Tensor:
        """Distribution function along a direction, at the points, `(n,)`."""
        deviations = (direction @ self.covariances() @ direction).sqrt()
        standard = ((x @ direction)[:, None] - self.means @ direction) / deviations
        return torch.special.ndtr(standard) @ self.weights

    def problem(self, reference: Distribution) -> Problem:
        """The target as a problem, unnormalised, with an imperfect flow and data."""
        energy = WatchfulEnergy(self)
        flow = HeavyFlow((self.means.shape[1],), scale=1.3 * math.sqrt(self.temperature))
        return Problem(
            log_density=lambda x: -energy(x) / self.temperature,
            event_shape=(self.means.shape[1],),
            reference=reference,
            proposal=flow,
            flow=flow,
            data=self.sample(256)[0],
            networks=(energy, flow),
        )

    def _joint(self, x: Tensor) -> Tensor:
        centred = x[:, None] - self.means.to(x)
        whitened = torch.einsum("kij,nkj->nki", self.roots.inverse().to(x), centred)
        scale = self.weights.log() - torch.linalg.slogdet(self.roots).logabsdet
        return scale.to(x) - whitened.square().sum(2) / 2 - LOG_TWO_PI * x.shape[1] / 2


class WatchfulEnergy(nn.Module):
    """The energy of a known target, with what a sampler may wrongly touch.

    It has a parameter, a buffer that training mode moves as BatchNorm's does, and the temperature,
    which the problem has applied already.
    """

    def __init__(self, known: Known) -> None:
        super().__init__()
        self.known = known
        self.temperature = known.temperature
        self.offset = nn.Parameter(torch.tensor(1.3))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Energies `(n,)`."""
        if self.training:
            self.calls += 1
        return self.offset.to(x) - self.known.log_prob(x)


class HeavyFlow(nn.Module):
    """x = scale · sinh(1.1 asinh(z)) by coordinate: near any target, exact for none, heavy-tailed.

    In training mode it is another flow, as one with dropout or batch statistics would be.
    """

    def __init__(self, event_shape: tuple[int, ...], scale: float = 1.0) -> None:
        super().__init__()
        self.event_shape = event_shape
        self.latent_shape = (math.prod(event_shape),)
        self.base = StandardNormal(self.latent_shape)
        self.log_scale = nn.Parameter(torch.tensor(scale).log())
        self.power = 1.1

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Latent points to data."""
        inner = self.power * z.asinh()
        log_det = inner.cosh().log() - z.square().add(1).log() / 2 + math.log(self.power)
        x = self._scale(z) * inner.sinh()
        return x.view(-1, *self.event_shape), (log_det + self._scale(z).log()).sum(1)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Data to latent points."""
        z = ((x.flatten(1) / self._scale(x)).asinh() / self.power).sinh()
        return z, -self.forward(z)[1]

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points with their log-densities."""
        z, log_base = self.base.sample(n)
        x, log_det = self.forward(z)
        return x, log_base - log_det

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of points."""
        z, log_det = self.inverse(x)
        return self.base.log_prob(z) + log_det

    def _scale(self, like: Tensor) -> Tensor:
        return self.log_scale.to(like).exp() * (1.5 if self.training else 1.0)


class StandardNormal:
    """Independent normal coordinates of any shape, in torch's default type."""

    def __init__(
        self, event_shape: tuple[int, ...], shift: float = 0.0, deviation: float = 1.0
    ) -> None:
        self.event_shape = event_shape
        self.shift = shift
        self.deviation = deviation

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points with their log-densities."""
        x = self.shift + self.deviation * torch.randn(n, *self.event_shape)
        return x, self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of points."""
        z = (x - self.shift) / self.deviation
        return -(z.square() / 2 + LOG_TWO_PI / 2 + math.log(self.deviation)).flatten(1).sum(1)

    def problem(self, networks: tuple[nn.Module, ...] = ()) -> Problem:
        """The distribution as a problem that begins at itself."""
        flow = HeavyFlow(self.event_shape)
        return Problem(
            self.log_prob,
            self.event_shape,
            reference=self,
            proposal=flow,
            flow=flow,
            data=self.sample(64)[0],
            networks=(flow, *networks),
        )


def correlated(temperature: float = 1.0) -> Known:
    """A Gaussian in three dimensions with correlations up to .8."""
    root = [[1.0, 0.0, 0.0], [0.6, 0.5, 0.0], [-0.2, 0.3, 0.6]]
    return Known([1.0], [[0.3, -0.5, 0.2]], [root], temperature)


def overlapping() -> Known:
    """Two components of weights .3 and .7, each long in a direction of its own."""
    roots = [[[1.2, 0.0], [0.0, 0.4]], [[0.4, 0.3], [-0.3, 1.0]]]
    return Known([0.3, 0.7], [[-0.6, 0.0], [0.8, 0.4]], roots)

"""Random numbers, directions and places that cases are made of."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from benchmarks.trust_attack.compositions import Mixture, Moved
from benchmarks.trust_attack.densities import Density, Normal


def uniform(low: float, high: float) -> float:
    """A number between two."""
    return low + (high - low) * float(torch.rand(()))


def log_uniform(low: float, high: float) -> float:
    """A number between two positive ones, of any magnitude alike."""
    return math.exp(uniform(math.log(low), math.log(high)))


def one_of(*choices: object) -> object:
    """One of several, each alike."""
    return choices[int(torch.randint(len(choices), ()))]


def dimension(most: int = 32) -> int:
    """A dimension from 2 to `most`, small ones as likely as large ones."""
    return one_of(*[d for d in (2, 3, 4, 6, 8, 12, 16, 24, 32) if d <= most])


def rotation(d: int) -> Tensor:
    """A random orthogonal matrix, or the identity, `(d, d)`."""
    return torch.eye(d) if one_of(True, False) else torch.linalg.qr(torch.randn(d, d)).Q


def covariance_root(d: int, scale: float) -> Tensor:
    """A matrix whose singular values lie within a factor of 1.4 of `scale`, `(d, d)`."""
    lengths = scale * torch.empty(d).uniform_(-0.34, 0.34).exp()
    return rotation(d) * lengths


def direction(d: int) -> Tensor:
    """A random unit vector, `(d,)`."""
    v = torch.randn(d)
    return v / v.norm()


def places(n: int, d: int, radius: float) -> list[Tensor]:
    """Up to 2 d points at a distance from 0, any two at least √2 times it apart, each `(d,)`."""
    axes = radius * rotation(d)
    both = torch.cat([axes, -axes])
    return list(both[torch.randperm(2 * d)[:n]])


def weights(n: int, evenness: float = 2.0) -> Tensor:
    """Random weights `(n,)`, the more even the higher `evenness`, each at least .02."""
    drawn = torch.distributions.Dirichlet(torch.full((n,), evenness)).sample().clamp(min=0.02)
    return drawn / drawn.sum()


def with_weight(others: Tensor, weight: float) -> Tensor:
    """Weights with one more, which comes last and has this weight."""
    return torch.cat([(1 - weight) * others / others.sum(), torch.tensor([weight])])


def near(part: Moved, shift: float, widening: float) -> Moved:
    """A copy of a part, moved by so many of its deviations anywhere, and so much wider."""
    moved = part.shift + part.matrix @ (shift * direction(part.dimension))
    return Moved(part.base, widening * part.matrix, moved)


def normal_modes(n: int, d: int, radius: float, scale: float) -> list[Moved]:
    """Normal parts of about one scale at places far from one another."""
    return [Moved(Normal(d), covariance_root(d, scale), place) for place in places(n, d, radius)]


def gaussian_fit(density: Density, widening: float = 1.0) -> Moved:
    """The Gaussian with a density's moments, from its draws."""
    x = density.draw(20_000)
    covariance = x.T.cov().double() * widening**2
    return Moved(Normal(density.dimension), torch.linalg.cholesky(covariance).float(), x.mean(0))


def reweighted(mixture: Mixture, factor: float) -> Tensor:
    """A mixture's weights, each times or divided by up to a factor, normalised."""
    exponent = math.log(factor) / 2
    changed = (
        mixture.weights * torch.empty_like(mixture.weights).uniform_(-exponent, exponent).exp()
    )
    return changed / changed.sum()

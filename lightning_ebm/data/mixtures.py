"""Mixtures: Gaussian modes of known weight at known places.

A mixture is a label k of probability w_k and a point from component k: p(x) = Σ_k w_k p_k(x).
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_ebm.data.density import Density, require_positive
from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import WIDEST, is_number, require_count, require_finite


class Mixture(Density):
    """A finite mixture, whose modes are its components.

    To implement one: hand the weights to `__init__`, and write `component_log_prob`,
    `sample_component` and `boxes`.

    Args:
        weights: relative weight of each component; they are divided by their sum.

    Raises:
        SettingError: if a weight is not positive.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        require_positive("weights", weights)
        self.weights = [weight / sum(weights) for weight in weights]

    @abstractmethod
    def component_log_prob(self, x: Tensor) -> Tensor:
        """Normalised log-density log p_k `(n, K)` of the points under each component."""

    @abstractmethod
    def sample_component(self, labels: Tensor) -> Tensor:
        """Draw one point from each component named in `labels` `(n,)`."""

    @property
    @abstractmethod
    def boxes(self) -> Tensor:
        """Lowest and highest corner of a box about each component, `(K, 2, *event)`."""

    @property
    def box(self) -> tuple[float, float]:
        """Ends of the square that holds all boxes, whichever the axis."""
        return float(self.boxes.min()), float(self.boxes.max())

    @property
    def mode_weights(self) -> Tensor:
        """Probability `(K,)` of each component."""
        return torch.tensor(self.weights)

    def sample(self, n: int) -> Tensor:
        """Draw `n` points `(n, *event)`: labels first, then a point from each."""
        return self.sample_component(torch.multinomial(self.mode_weights, n, replacement=True))

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density log Σ_k w_k p_k(x), shape `(n,)`."""
        return self._joint(x).logsumexp(dim=1)

    def responsibilities(self, x: Tensor) -> Tensor:
        """Posterior probability w_k p_k(x) / p(x) of each component, `(n, K)`."""
        return self._joint(x).softmax(dim=1)

    def _joint(self, x: Tensor) -> Tensor:
        return self.component_log_prob(x) + x.new_tensor(self.weights).log()


class GaussianMixture(Mixture):
    """A mixture of isotropic Gaussians N(mean_k, scale_k² I) in any dimension.

    Args:
        means: centre of each mode, all of one dimension.
        scales: standard deviation of each mode.
        weights: relative weight of each mode.

    Raises:
        SettingError: if the lists differ in length, the centres in dimension, or a scale or
            weight is not positive.
    """

    def __init__(
        self, means: list[list[float]], scales: list[float], weights: list[float]
    ) -> None:
        if not len(means) == len(scales) == len(weights) > 0:
            raise SettingError(
                f"means, scales, weights: {len(means)}, {len(scales)} and {len(weights)} entries; "
                "give one of each for every mode"
            )
        if len({len(mean) for mean in means}) != 1 or not means[0]:
            raise SettingError(f"means: {means} are not all points of one dimension; make them so")
        require_positive("scales", scales)
        for coordinate in itertools.chain(*means):
            require_finite("means", coordinate)
        super().__init__(weights)
        self.means = means
        self.scales = scales
        self.event_shape = (len(means[0]),)

    @property
    def boxes(self) -> Tensor:
        """Six standard deviations to either side of each mode."""
        means = torch.tensor(self.means, dtype=torch.float64)
        reach = 6 * torch.tensor(self.scales, dtype=torch.float64)[:, None]
        return torch.stack([means - reach, means + reach], dim=1)

    def component_log_prob(self, x: Tensor) -> Tensor:
        """Log-density -|x - m|²/2s² - d log(s √2π) under each mode, `(n, K)`."""
        means, scales = x.new_tensor(self.means), x.new_tensor(self.scales)
        squared = ((x[:, None] - means) / scales[:, None]).square().sum(dim=2)
        dimension = x.shape[1]
        return -squared / 2 - dimension * (scales.log() + math.log(2 * math.pi) / 2)

    def sample_component(self, labels: Tensor) -> Tensor:
        """Draw a point `(n, d)` from the mode of each label."""
        means, scales = torch.tensor(self.means)[labels], torch.tensor(self.scales)[labels]
        return means + scales[:, None] * torch.randn_like(means)


class TwoModes(GaussianMixture):
    """Two far Gaussians of unequal weight, at (-separation, 0) and (separation, 0).

    Args:
        separation: distance of each mode from the origin.
        scale: standard deviation of both.
        weight: probability of the left one.

    Raises:
        SettingError: if scale is not positive, or weight not between 0 and 1.
    """

    def __init__(self, separation: float = 4.0, scale: float = 0.5, weight: float = 0.2) -> None:
        require_fraction("weight", weight)
        require_finite("separation", separation)
        means = [[-separation, 0.0], [separation, 0.0]]
        super().__init__(means, [scale] * 2, [weight, 1 - weight])


class OppositeModes(GaussianMixture):
    """Two Gaussians at -a(1, ..., 1) and a(1, ..., 1), in any dimension; the first is heavier.

    Args:
        dimension: number of coordinates.
        distance: a, the distance of both modes from 0 along every axis.
        scale: standard deviation of both.
        weight: probability of the first.

    Raises:
        SettingError: if scale is not positive, or weight not between 0 and 1.
    """

    def __init__(
        self,
        dimension: int = 16,
        distance: float = 1.5,
        scale: float = 0.5,
        weight: float = 2 / 3,
    ) -> None:
        require_fraction("weight", weight)
        require_count("dimension", dimension, most=WIDEST)
        require_finite("distance", distance)
        means = [[-distance] * dimension, [distance] * dimension]
        super().__init__(means, [scale] * 2, [weight, 1 - weight])


class FourModes(GaussianMixture):
    """Four Gaussians on the corners of a square.

    The corners are, in the order of the weights, (-, -), (+, -), (-, +) and (+, +).

    Args:
        separation: distance of each mode from both axes.
        scale: standard deviation of each.
        weights: relative weight of each.

    Raises:
        SettingError: if scale or a weight is not positive.
    """

    def __init__(
        self,
        separation: float = 3.0,
        scale: float = 0.5,
        weights: tuple[float, float, float, float] = (0.1, 0.2, 0.3, 0.4),
    ) -> None:
        require_finite("separation", separation)
        ends = (-separation, separation)
        means = [[x, y] for y in ends for x in ends]
        super().__init__(means, [scale] * 4, list(weights))


class RingOfEight(GaussianMixture):
    """Eight Gaussians on a circle, their weights 1 : 2 : ... : 8 counter-clockwise from (r, 0).

    Args:
        radius: radius r of the circle.
        scale: standard deviation of each.

    Raises:
        SettingError: if scale is not positive.
    """

    def __init__(self, radius: float = 4.0, scale: float = 0.3) -> None:
        require_finite("radius", radius)
        angles = [k * math.pi / 4 for k in range(8)]
        means = [[radius * math.cos(angle), radius * math.sin(angle)] for angle in angles]
        super().__init__(means, [scale] * 8, [float(k) for k in range(1, 9)])


def require_fraction(name: str, value: float) -> None:
    """Refuse a number outside (0, 1).

    Raises:
        SettingError: if it is.
    """
    if not (is_number(value) and 0 < value < 1):
        raise SettingError(f"{name}: {value} is no probability; give one between 0 and 1")

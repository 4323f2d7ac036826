"""Densities with a shape, known exactly all the same: two moons, three rings, a checkerboard."""

from __future__ import annotations

import math

import numpy
import torch
from torch import Tensor

from lightning_ebm.data.density import Density, require_positive
from lightning_ebm.data.mixtures import Mixture, require_fraction
from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import DEEPEST, require_count

THINNEST = 200
"""The radius of a moon, in scales, up to which its density is computed in reasonable time."""


class Moons(Mixture):
    """Two interlocking half circles, blurred by isotropic Gaussian noise.

    With the angle t uniform on [0, π], c(t) on the arc and s the scale, each moon has density
    (1/π) ∫ N(x; c(t), s² I) dt. The integral is a Gauss-Legendre sum, of nodes so close that it
    is exact to better than 1e-6.

    Args:
        radius: radius of the arcs.
        scale: standard deviation of the noise.
        weight: probability of the upper moon.

    Raises:
        SettingError: if radius or scale is not positive, or weight not between 0 and 1.
    """

    def __init__(self, radius: float = 2.0, scale: float = 0.2, weight: float = 0.3) -> None:
        require_positive("radius", [radius])
        require_positive("scale", [scale])
        require_fraction("weight", weight)
        super().__init__([weight, 1 - weight])
        if radius > THINNEST * scale:
            raise SettingError(
                f"radius is {radius}, more than {THINNEST} times scale, which is {scale}: the "
                "moons would be too thin to integrate along"
            )
        self.radius = radius
        self.scale = scale
        # The integrand is a bump about scale / radius wide. Nodes are furthest apart in the
        # middle, where these are some 0.4 widths apart.
        nodes, node_weights = numpy.polynomial.legendre.leggauss(
            32 + math.ceil(12 * radius / scale)
        )
        self._angles = torch.from_numpy((nodes + 1) * math.pi / 2)
        self._log_node_weights = torch.from_numpy(numpy.log(node_weights / 2))

    @property
    def boxes(self) -> Tensor:
        """Six standard deviations beyond the ends of each moon."""
        corners = [[-1.5, -0.25], [0.5, 0.75]]
        low, high = self.radius * torch.tensor(corners, dtype=torch.float64)
        low, high = low - 6 * self.scale, high + 6 * self.scale
        return torch.stack([torch.stack([low, high]), torch.stack([-high, -low])])

    def component_log_prob(self, x: Tensor) -> Tensor:
        """Log-density under each moon, `(n, 2)`."""
        arc = self._upper_arc(self._angles.to(x))
        log_node_weights = self._log_node_weights.to(x)
        log_normaliser = math.log(2 * math.pi * self.scale**2)

        def upper_log_prob(points: Tensor) -> Tensor:
            squared = sum((points[:, i, None] - arc[:, i]).square() for i in range(2))
            exponents = log_node_weights - squared / (2 * self.scale**2)
            return exponents.logsumexp(dim=1) - log_normaliser

        # The lower moon is the upper one turned by half a turn about the origin.
        return torch.stack([upper_log_prob(x), upper_log_prob(-x)], dim=1)

    def sample_component(self, labels: Tensor) -> Tensor:
        """Draw a point `(n, 2)` from the moon of each label."""
        arc = self._upper_arc(math.pi * torch.rand(len(labels)))
        signs = torch.tensor([1.0, -1.0])[labels]
        return signs[:, None] * arc + self.scale * torch.randn_like(arc)

    def _upper_arc(self, angles: Tensor) -> Tensor:
        x, y = angles.cos() - 0.5, angles.sin() - 0.25
        return self.radius * torch.stack([x, y], dim=1)


class Rings(Mixture):
    """Concentric rings: a Gaussian radius about each, and a uniform angle.

    With r = |x|, ring k has density [N(r; R_k, s²) + N(-r; R_k, s²)] / 2πr: the second term is
    the small chance of a negative radius, which lands opposite; 2πr is the Jacobian.

    Args:
        radii: radius R of each of the three rings.
        scale: standard deviation s of the radius.
        weights: relative weight of each ring.

    Raises:
        SettingError: if a radius, the scale or a weight is not positive.
    """

    def __init__(
        self,
        radii: tuple[float, float, float] = (1.0, 2.5, 4.0),
        scale: float = 0.15,
        weights: tuple[float, float, float] = (0.2, 0.3, 0.5),
    ) -> None:
        require_positive("radii", radii)
        require_positive("scale", [scale])
        super().__init__(weights)
        self.radii = radii
        self.scale = scale

    @property
    def boxes(self) -> Tensor:
        """Six standard deviations beyond each ring."""
        reach = torch.tensor(self.radii, dtype=torch.float64) + 6 * self.scale
        return torch.stack([-reach, reach], dim=1)[:, :, None].expand(-1, -1, 2)

    def component_log_prob(self, x: Tensor) -> Tensor:
        """Log-density under each ring, `(n, 3)`."""
        # The density has a pole in the origin; the clamp keeps that one point finite.
        radius = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        radius = radius.clamp(min=torch.finfo(x.dtype).tiny)
        radii = x.new_tensor(self.radii)
        log_folded = torch.logaddexp(
            -((radius - radii) / self.scale).square() / 2,
            -((radius + radii) / self.scale).square() / 2,
        )
        log_normaliser = math.log(math.sqrt(2 * math.pi) * self.scale) + math.log(2 * math.pi)
        log_density: Tensor = log_folded - log_normaliser - radius.log()
        return log_density

    def sample_component(self, labels: Tensor) -> Tensor:
        """Draw a point `(n, 2)` from the ring of each label."""
        means = torch.tensor(self.radii)[labels]
        radius = means + self.scale * torch.randn_like(means)
        angle = 2 * math.pi * torch.rand_like(means)
        return radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)


class Checkerboard(Density):
    """Uniform on the black squares of a board, which are its modes; nothing elsewhere.

    Squares (i, j), counted from the lower left corner, are black where i + j is even.

    Args:
        squares: squares along a side.
        half_width: the board is [-half_width, half_width]².

    Raises:
        SettingError: if squares or half_width is not positive.
    """

    def __init__(self, squares: int = 4, half_width: float = 4.0) -> None:
        require_count("squares", squares, most=DEEPEST)
        require_positive("half_width", [half_width])
        self.squares = squares
        self.half_width = half_width
        self.side = 2 * half_width / squares
        self.black = [(i, j) for i in range(squares) for j in range(squares) if (i + j) % 2 == 0]

    @property
    def box(self) -> tuple[float, float]:
        """The board, with a quarter of its half width around it."""
        return (-1.25 * self.half_width, 1.25 * self.half_width)

    @property
    def boxes(self) -> Tensor:
        """The black squares."""
        low = torch.tensor(self.black, dtype=torch.float64) * self.side - self.half_width
        return torch.stack([low, low + self.side], dim=1)

    @property
    def mode_weights(self) -> Tensor:
        """Probability `(K,)` of each black square, all alike."""
        return torch.full((len(self.black),), 1 / len(self.black))

    def sample(self, n: int) -> Tensor:
        """Draw `n` points `(n, 2)`."""
        corners = torch.tensor(self.black)[torch.randint(len(self.black), (n,))]
        # Clamped, for rounding must not carry a point over an edge, to where its density is 0.
        within = torch.rand(n, 2).clamp(1e-5, 1 - 1e-5)
        return (corners + within) * self.side - self.half_width

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density `(n,)`: one constant on the black squares, -inf elsewhere."""
        cells = ((x + self.half_width) / self.side).floor()
        on_board = ((cells >= 0) & (cells < self.squares)).all(dim=1)
        is_black = on_board & (cells.sum(dim=1) % 2 == 0)
        log_density = -math.log(len(self.black) * self.side**2)
        return torch.where(is_black, log_density, -math.inf).to(x)

    def responsibilities(self, x: Tensor) -> Tensor:
        """One for the black square a point lies in, or whose centre is nearest; `(n, K)`."""
        centres = (x.new_tensor(self.black) + 0.5) * self.side - self.half_width
        nearest = (x[:, None] - centres).square().sum(dim=2).argmin(dim=1)
        return torch.nn.functional.one_hot(nearest, len(self.black)).to(x)

"""What a 2-D model is, by quadrature: log Z, mode weights, KL, test likelihood."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lightning_ebm.evaluation.known_density import KnownDensity
from lightning_ebm.evaluation.mode_weights import total_variation

LogDensity = Callable[[Tensor], Tensor]


class Quadrature:
    """The midpoint rule for a density on a square that is widened until it holds the mass.

    Args:
        log_density: unnormalised log-density of points `(n, 2)`.
        box: lowest and highest coordinate of the square to begin with.
        resolution: cells per side.
        like: a tensor whose type and device the points have.

    Attributes:
        points: cell centres `(resolution², 2)`.
        log_mass: log of the normalised mass of each cell.
        log_z: log of the normalising constant.
        edge_mass: share of the mass in the outermost cells; large if the density has no end.
    """

    def __init__(
        self, log_density: LogDensity, box: tuple[float, float], resolution: int, like: Tensor
    ) -> None:
        low, high = box
        for _ in range(5):
            self.points, log_cell = midpoints(low, high, resolution, like)
            log_p = evaluate(log_density, self.points)
            self.log_z = torch.logsumexp(log_p, 0) + log_cell
            self.log_mass = log_p + log_cell - self.log_z
            mass = self.log_mass.exp().view(resolution, resolution)
            self.edge_mass = 1 - mass[1:-1, 1:-1].sum()
            if self.edge_mass < 1e-4:
                break
            low, high = low - (high - low) / 2, high + (high - low) / 2
        self.log_cell = log_cell

    def expectation(self, values: Tensor) -> Tensor:
        """Mean of values `(resolution², ...)` given at the cells."""
        return torch.tensordot(self.log_mass.exp(), values.double(), dims=([0], [0]))


def midpoints(low: float, high: float, resolution: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cell centres `(resolution², 2)` of a square, and the log of a cell's area."""
    side = (high - low) / resolution
    line = low + side * (torch.arange(resolution, dtype=torch.float64) + 0.5)
    points = torch.cartesian_prod(line, line).to(like)
    return points, 2 * torch.tensor(side, dtype=torch.float64, device=like.device).log()


@torch.no_grad()
def evaluate(log_density: LogDensity, points: Tensor, chunk: int = 1024) -> Tensor:
    """Log-densities `(n,)` in float64, a chunk at a time; NaN counts as no density.

    Chunks keep images within memory, and layers within a processor's caches, which is faster.
    """
    values = torch.cat([log_density(part).double() for part in points.split(chunk)])
    return torch.where(values.isnan(), torch.full_like(values, -torch.inf), values)


def density_report(
    log_density: LogDensity, density: KnownDensity, test: Tensor, resolution: int = 400
) -> dict[str, float]:
    """How a 2-D model compares with the density that its data came from.

    Args:
        log_density: the model's unnormalised log-density of points `(n, 2)`.
        density: the true density.
        test: points drawn from it, `(n, 2)`.
        resolution: cells per side.

    Returns:
        `model/log_z`; `model/mode_weight_k` and `model/mode_weight_tv`, the error of the model's
        mode weights in total variation; `model/kl`, KL(data density ‖ model) in nats;
        `model/edge_mass`; `test/nll`, in nats, and `test/nll_of_truth`, that of the true density.
    """
    model = Quadrature(log_density, density.box, resolution, test)
    truth = Quadrature(density.log_prob, density.box, resolution, test)
    weights = model.expectation(density.responsibilities(model.points))
    log_q = evaluate(log_density, truth.points) - model.log_z
    log_p = truth.log_mass - truth.log_cell
    inside = truth.log_mass > -torch.inf
    divergence = (truth.log_mass[inside].exp() * (log_p - log_q)[inside]).sum()
    report = {
        "model/log_z": model.log_z,
        "model/kl": divergence,
        "model/mode_weight_tv": total_variation(weights, density.mode_weights),
        "model/edge_mass": model.edge_mass,
        "test/nll": model.log_z - evaluate(log_density, test).mean(),
        "test/nll_of_truth": -evaluate(density.log_prob, test).mean(),
    }
    report |= {f"model/mode_weight_{k}": weight for k, weight in enumerate(weights)}
    return {key: float(value) for key, value in report.items()}

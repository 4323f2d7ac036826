"""Whether chains agree and how many draws they are worth, by arviz-stats."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy
import torch
from torch import Tensor


class Convergence(NamedTuple):
    """What chains say of one quantity. What they cannot say is NaN.

    Attributes:
        r_hat: rank-normalised split R-hat; above 1.05 the chains do not agree. Infinite where no
            chain ever changes and they differ.
        ess_bulk: effective sample size for its mean, never more than were made.
        ess_tail: effective sample size for its 5 % and 95 % quantiles, never more than were made.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float


def convergence(values: Tensor) -> Convergence:
    """Diagnose one quantity along chains.

    A quantity that is the same in all draws says nothing of how the chains move: all is NaN. C
    chains that never change are worth C draws at most, and their R-hat is infinite.

    Args:
        values: `(draws, chains)`, at least 4 draws, in order.

    Raises:
        ValueError: if there are fewer than 4 draws.

    Source: Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, Bayesian Analysis 16(2).
    """
    if len(values) < 4:
        raise ValueError(f"{len(values)} draws are too few to split: convergence needs 4 or more")
    if (values == values.flatten()[0]).all():
        return Convergence(math.nan, math.nan, math.nan)
    if (values == values[0]).all():
        return Convergence(math.inf, float(values.shape[1]), float(values.shape[1]))
    from arviz_stats.base.array import array_stats

    array = values.detach().double().cpu().numpy()
    axes = {"draw_axis": 0, "chain_axis": 1}
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return Convergence(
            float(array_stats.rhat(array, method="rank", **axes)),
            # Draws that alternate are worth more than as many independent ones for the mean, by
            # an estimate that is too noisy to be believed.
            _at_most(values.numel(), array_stats.ess(array, method="bulk", **axes)),
            _at_most(
                values.numel(),
                array_stats.ess(array, method="tail", prob=(0.05, 0.95), **axes),
            ),
        )


def worst(parts: list[Convergence]) -> Convergence:
    """The largest R-hat and the fewest draws among several quantities.

    What is NaN has no say, unless it is NaN in all of them.
    """
    table = torch.tensor(parts, dtype=torch.float64)
    unknown = table.isnan()
    r_hat = table[:, 0].masked_fill(unknown[:, 0], -torch.inf).max()
    fewest = table[:, 1:].masked_fill(unknown[:, 1:], torch.inf).amin(0)
    found = torch.cat([r_hat[None], fewest]).masked_fill(unknown.all(0), torch.nan)
    return Convergence(*found.tolist())


def _at_most(made: int, effective: float) -> float:
    return min(float(effective), float(made)) if math.isfinite(effective) else math.nan

"""Whether chains agree and how many draws they are worth, by arviz-stats."""

from __future__ import annotations

from typing import NamedTuple

import numpy
import torch
from arviz_stats.base import array_stats
from torch import Tensor


class Convergence(NamedTuple):
    """What chains say of one quantity.

    Attributes:
        rhat: rank-normalised split R-hat; above 1.01 the chains do not agree.
        bulk: effective draws for its mean.
        tail: effective draws for its 5 % and 95 % quantiles.
    """

    rhat: float
    bulk: float
    tail: float


def convergence(values: Tensor) -> Convergence:
    """Diagnose one quantity along chains; a constant quantity has R-hat 1 and all its draws.

    Args:
        values: `(draws, chains)`, at least 4 draws, in order.

    Raises:
        ValueError: if there are fewer than 4 draws.

    Source: Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, Bayesian Analysis 16(2).
    """
    if len(values) < 4:
        raise ValueError(f"{len(values)} draws are too few to split: convergence needs 4 or more")
    if (values == values.flatten()[0]).all():
        return Convergence(1.0, float(values.numel()), float(values.numel()))
    array = values.detach().double().cpu().numpy()
    axes = {"draw_axis": 0, "chain_axis": 1}
    # Chains that never move have no variance within: R-hat is then infinite, as it should be.
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return Convergence(
            float(array_stats.rhat(array, method="rank", **axes)),
            float(array_stats.ess(array, method="bulk", **axes)),
            float(array_stats.ess(array, method="tail", prob=(0.05, 0.95), **axes)),
        )


def worst(parts: list[Convergence]) -> Convergence:
    """The largest R-hat and the fewest draws among several quantities; what is NaN has no say."""
    table = torch.tensor(parts, dtype=torch.float64)
    rhat = table[:, 0].nan_to_num(nan=-torch.inf).max()
    fewest = table[:, 1:].nan_to_num(nan=torch.inf).min(0).values
    return Convergence(float(rhat), *fewest.tolist())

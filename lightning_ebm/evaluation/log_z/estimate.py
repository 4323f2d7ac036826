"""An estimate of log Z, and what it is worth."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Estimate(NamedTuple):
    """A number with its error.

    Attributes:
        value: log Z, in nats.
        standard_error: of the value, by the delta method; it knows nothing of mass never visited.
        effective_draws: how many independent draws of equal weight would be worth as much.
    """

    value: float
    standard_error: float
    effective_draws: float


def log_mean(log_values: Tensor, chains: int | None = None) -> Estimate:
    """Log of the mean of positive values, given by their logs `(n,)`.

    Args:
        log_values: logs of the values; those of one chain need not be independent.
        chains: if given, values are `(draws · chains,)`, draw after draw, and the error is that
            between the chains' own means, which are independent.
    """
    log_values = log_values.double()
    n = len(log_values)
    value = log_values.logsumexp(0) - math.log(n)
    if not value.isfinite():
        return Estimate(float(value), math.inf, 0.0)
    relative = (log_values - value).exp()
    if chains is not None:
        relative = relative.view(-1, chains).mean(0)
    error = relative.std() / math.sqrt(len(relative)) if len(relative) > 1 else torch.inf
    effective = n / (log_values - value).exp().square().mean()
    return Estimate(float(value), float(error), float(effective))

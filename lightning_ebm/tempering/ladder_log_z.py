"""log Z along a ladder, by the states of its rungs, with an error that knows of chains."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class LadderLogZ(NamedTuple):
    """Estimates of log Z, which is log(Z_1/Z_0) with Z_0 = 1.

    Attributes:
        value: sum of the bridges between neighbours.
        standard_error: of it, between columns; unknown (NaN) for one column.
        lower: sum of the log-means of exp((β_{k+1} - β_k)V) at rung k, too low on average.
        lower_standard_error: of it.
        upper: minus those of exp(-(β_{k+1} - β_k)V) at rung k+1, too high on average.
        upper_standard_error: of it.
        log_ratios: log(Z_{k+1}/Z_k) by the bridges, `(K-1,)`.
    """

    value: float
    standard_error: float
    lower: float
    lower_standard_error: float
    upper: float
    upper_standard_error: float
    log_ratios: Tensor


def ladder_log_z(log_weights: Tensor, betas: Tensor) -> LadderLogZ:
    """Bridge sampling between neighbouring rungs, and one-sided means in both directions.

    For r = Z_{k+1}/Z_k and as many states on both rungs, d = (β_{k+1} - β_k)V, Bennett's r is the
    root of mean_k σ(d - log r) = mean_{k+1} σ(log r - d), σ the logistic function. Columns are
    independent of each other and their own states are not: the errors are those between columns,
    by linearisation.

    Args:
        log_weights: V at the states of all rungs, `(rounds, K, n)`, n independent columns.
        betas: `(K,)`.

    Source: Bennett 1976, eq. 12; the one-sided means, Xie et al. 2011 (stepping stones).
    """
    steps = betas.diff().to(log_weights.device, torch.float64)
    v = log_weights.double()
    forward, backward = steps[:, None] * v[:, :-1], steps[:, None] * v[:, 1:]
    lower, below = _log_means(forward)
    upper, above = _log_means(-backward)
    log_ratios = _roots(forward, backward)
    from_below = (forward - log_ratios[:, None]).sigmoid()
    from_above = (log_ratios[:, None] - backward).sigmoid()
    # The slope of the difference of the two means in log r.
    slope = (from_below * (1 - from_below) + from_above * (1 - from_above)).mean((0, 2))
    share = (from_below - from_above).mean(0) / slope[:, None]
    figures = (
        log_ratios.sum(),
        _error(share.sum(0)),
        lower.sum(),
        _error(below.sum(0)),
        -upper.sum(),
        _error(above.sum(0)),
    )
    # All at once, for a device is waited for each time.
    return LadderLogZ._make([*torch.stack(figures).tolist(), log_ratios])


def _log_means(values: Tensor) -> tuple[Tensor, Tensor]:
    """Log-means over rounds and columns `(K-1,)`, and each column's part in them `(K-1, n)`."""
    flat = values.transpose(0, 1).flatten(1)
    mean = flat.logsumexp(1) - math.log(flat.shape[1])
    return mean, (values - mean[:, None]).exp().mean(0) - 1


def _roots(forward: Tensor, backward: Tensor, n_halvings: int = 32) -> Tensor:
    """Roots by bisection: the difference of the two means falls in log r."""
    ends = torch.cat([forward, backward], dim=2).transpose(0, 1).flatten(1)
    finite = torch.where(ends.isfinite(), ends, ends.new_zeros(()))
    low, high = finite.amin(1) - 1, finite.amax(1) + 1
    for _ in range(n_halvings):
        middle = (low + high) / 2
        at = middle[:, None]
        excess = (forward - at).sigmoid().mean((0, 2)) - (at - backward).sigmoid().mean((0, 2))
        low, high = torch.where(excess > 0, middle, low), torch.where(excess > 0, high, middle)
    return (low + high) / 2


def _error(parts: Tensor) -> Tensor:
    if len(parts) == 1:
        return parts.new_full((), torch.nan)
    return parts.std() / math.sqrt(len(parts))

"""An estimate of log Z, and what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

SMALLEST_SAMPLE = 25
"""Values below which no tail is fitted: five of them would be the tail."""
WORTHLESS, HEAVY = 0.7, 0.25
"""Tail index and share of the sum from which on a mean is an accident: the index from Vehtari et
al. 2024; a tail that holds little does no harm."""


@dataclass(frozen=True)
class Tail:
    """The upper tail of positive values as fitted by a generalized Pareto law.

    Attributes:
        variance: of the values, the tail's part as fitted.
        index: k; the variance is finite below 1/2, the mean below 1.
        share: of the sum of the values, what lies above the tail's beginning.
    """

    variance: float
    index: float = -math.inf
    share: float = 0.0

    @property
    def too_heavy(self) -> bool:
        """Whether the values have no mean to speak of."""
        return self.index > WORTHLESS and self.share > HEAVY


NO_TAIL = Tail(math.nan)


class Estimate(NamedTuple):
    """A number with its error.

    Attributes:
        value: log Z, in nats.
        standard_error: of the value, by the delta method; infinite where the values that were
            averaged have no finite variance, so that it is unknown. It knows nothing of mass
            never visited.
        ess: how many independent draws of equal weight would be worth as much.
        tail: the Pareto tail of those values.
    """

    value: float
    standard_error: float
    ess: float
    tail: Tail = NO_TAIL


def log_mean(log_values: Tensor, chains: int | None = None, *, bounded: bool = False) -> Estimate:
    """Log of the mean of positive values, given by their logs `(n,)`.

    A sample of a heavy tail looks lighter than it is, since its largest values are missing: the
    error is that of a variance whose tail is a fitted generalized Pareto law, where this is more
    than the sample's own.

    Args:
        log_values: logs of the values; those of one chain need not be independent.
        chains: if given, values are `(draws · chains,)`, draw after draw, and the error is that
            between the chains' own means, which are independent.
        bounded: whether the values have a bound, so that no tail need be fitted.

    Source: Vehtari, Simpson, Gelman, Yao and Gabry 2024, JMLR 25, sections 2 and 3.
    """
    log_values = log_values.double()
    n = len(log_values)
    value = log_values.logsumexp(0) - math.log(n)
    if not value.isfinite():
        return Estimate(float(value), math.inf, 0.0)
    relative = (log_values - value).exp()
    independent = relative if chains is None else relative.view(-1, chains).mean(0)
    tail = Tail(_variance(independent)) if bounded else fit_tail(independent)
    error = math.sqrt(tail.variance / len(independent))
    # First the independent draws that would have the same error, then those of equal weight.
    spread = float(relative.var(correction=0))
    seen = float(independent.var(correction=0)) / len(independent)
    worth = float(n) if seen == 0 else min(float(n), spread / seen)
    return Estimate(float(value), error, worth / (1 + spread), tail)


def fit_tail(values: Tensor) -> Tail:
    """The variance of independent positive values `(n,)` with their upper tail as fitted.

    Above the threshold u the excess y follows a generalized Pareto law of scale s and index k,
    with E[y] = s/(1 - k) and E[y²] = 2s²/((1 - k)(1 - 2k)), infinite from k = 1/2 on. k is taken
    half of its standard error higher than fitted: with that, over repetitions, two standard errors
    hold the truth as often as they should.
    """
    n, sample = len(values), _variance(values)
    if n < SMALLEST_SAMPLE:
        return Tail(sample)
    ordered = values.sort().values
    size = int(min(0.2 * n, 3 * math.sqrt(n)))
    threshold, excess = ordered[-size - 1], ordered[-size:] - ordered[-size - 1]
    # Values alike but for rounding, or of a few levels, have no tail to fit.
    if excess[size // 4 - 1] <= 1e-9 * ordered[-1]:
        return Tail(sample)
    from arviz_stats.base.array import array_stats

    one_chain = ordered.cpu().numpy()[None]
    k = float(array_stats.pareto_khat(one_chain, r_eff=1, tail="right"))
    share = float(excess.sum() / values.sum())
    safe = k + 0.5 * (1 + max(k, 0.0)) / math.sqrt(size)
    if not safe < 0.5:
        return Tail(math.inf, k, share)
    # Matched by the mean excess, s is E[y](1 - k).
    mean = excess.mean()
    square = 2 * mean.square() * (1 - safe) / (1 - 2 * safe)
    centre = values.mean()
    above = square + 2 * (threshold - centre) * mean + (threshold - centre).square()
    below = (ordered[:-size] - centre).square().sum()
    return Tail(max(sample, float((below + size * above) / n)), k, share)


def _variance(values: Tensor) -> float:
    return float(values.var()) if len(values) > 1 else math.inf

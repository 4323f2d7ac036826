"""Tests of samples against a known law, with exact error rates and no guessed tolerance.

Chains are independent of each other, so a time average taken per chain is one independent draw per
chain, whatever the autocorrelation within: its standard error over chains is honest, and the
effective sample size follows from it. A sample too small to judge by is a failure of its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

FALSE_ALARM = 5e-4
"""Chance that any statistical test of one run of the kit fails on a right sampler."""

LEAST_EFFECTIVE = 400.0
"""Effective draws below which a mean is not judged."""


class Verdict(NamedTuple):
    """The p-value of a test, and a few words with its figures."""

    p: float
    words: str


def mean_test(series: Tensor, expected: float, variance: float, what: str) -> Verdict:
    """Test the mean of a function along chains, by the averages of the chains.

    z = (mean - expected)/SE with SE² the variance of the chains' averages over their number; the
    effective sample size is Var(f)/SE².

    Args:
        series: values `(draws, chains)`.
        expected: true mean.
        variance: true variance of one value.
        what: name of the function.
    """
    averages = series.double().mean(0)
    error = averages.std() / math.sqrt(averages.numel())
    deviation = averages.mean() - expected
    if error == 0:
        return Verdict(float(deviation.abs() < 1e-12), f"{what} never varies")
    effective = variance / float(error) ** 2
    if not effective >= LEAST_EFFECTIVE:
        return Verdict(0.0, f"undecided: {what} has only {effective:.0f} effective draws")
    z = float(deviation / error)
    words = f"{what} is {averages.mean():.4f}, truly {expected:.4f}: {z:+.1f} standard errors"
    return Verdict(math.erfc(abs(z) / math.sqrt(2)), f"{words}, {effective:.0f} effective draws")


def kolmogorov_smirnov(uniform: Tensor, what: str) -> Verdict:
    """Test that independent values are uniform on [0, 1], by the largest gap to that law.

    Args:
        uniform: the true distribution function at independent draws, `(n,)`.
        what: name of the coordinate.

    Source: Stephens 1970 for the correction of n; the limit law is Kolmogorov's.
    """
    n = uniform.numel()
    ordered = uniform.double().sort().values
    steps = torch.arange(1, n + 1, dtype=torch.float64) / n
    gap = float(torch.maximum(steps - ordered, ordered - steps + 1 / n).max())
    scaled = gap * (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n))
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    p = min(1.0, max(0.0, 2 * sum(terms))) if scaled > 0.2 else 1.0
    return Verdict(p, f"{what} has a largest gap of {gap:.4f} over {n} chains, p = {p:.1e}")


def all_hold(verdicts: list[Verdict], n_tests: int) -> tuple[bool, str]:
    """Whether every test holds at the kit's false-alarm rate shared among `n_tests` (Bonferroni).

    Returns:
        The decision, and the words of the worst test.
    """
    worst = min(verdicts, key=lambda verdict: verdict.p)
    return worst.p >= FALSE_ALARM / n_tests, worst.words

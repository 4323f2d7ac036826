"""Tests of samples against a known law, with stated error rates and no guessed tolerance.

What is averaged is uniform on [0, 1] under the target, seen through Legendre polynomials: bounded,
of mean 0 and variance 1, so that averages over a thousand chains are normal far into the tails.
Chains are independent of each other, so a time average taken per chain is one independent draw per
chain, whatever the autocorrelation within: its standard error over chains is honest.

A suspicion is tested anew. A first trial suspects with chance `SUSPICION`; a second one, of fresh
chains and four times the draws, looks at that one function in that one direction with chance
`CONFIRMATION`, so that all checks of a run together fail a right sampler with chance `FALSE_ALARM`
at most. A deviation of five standard errors in the first trial is ten in the second and is never
missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

FALSE_ALARM = 5e-4
"""Chance that any statistical test of one run of the kit fails on a right sampler."""

N_TRIALS = 15
"""Statistical checks of one run, at most: eleven today."""

SUSPICION = 0.02
"""Chance that the first trial of a check suspects a right sampler, over all its functions."""

CONFIRMATION = FALSE_ALARM / (N_TRIALS * SUSPICION)
"""Chance that the second trial confirms a suspicion against a right sampler."""

LEAST_RENEWALS = 2.0
"""Effective draws per chain below which a pass says too little.

Chains that begin exactly and never move keep any distribution: they have one effective draw each.
"""

PLAIN = 8.0
"""Standard errors beyond which nobody doubts a deviation."""

EFFORTS = (1, 4, 16)
"""Lengths of the trials; the third is for chains that did not begin with their law, and may be
still on their way to it: then the deviation shrinks."""

Trial = Callable[[int], "Averages"]


@dataclass(frozen=True)
class Averages:
    """Averages of k functions over draws and chains; their true means are 0, variances 1.

    Attributes:
        names: of the functions.
        deviation: averages `(k,)`.
        error: their standard errors `(k,)`.
        renewals: effective sample size per chain `(k,)`, 1/(n SE²) for n chains.
    """

    names: list[str]
    deviation: Tensor
    error: Tensor
    renewals: Tensor

    def z(self) -> Tensor:
        """Deviations in standard errors `(k,)`; 0 where nothing varies and nothing deviates."""
        return (self.deviation / self.error).nan_to_num(0.0)

    def words(self, k: int) -> str:
        """Function k, its deviation and the effective sample size it rests on."""
        draws = float(1 / self.error[k].square())
        return (
            f"{self.names[k]} off by {self.deviation[k]:+.4f} standard deviations "
            f"({self.z()[k]:+.1f} standard errors, effective sample size {draws:.0f})"
        )


def averages(uniforms: dict[str, Tensor]) -> Averages:
    """Averages of the first three Legendre polynomials of what should be uniform.

    Args:
        uniforms: by name, the true distribution function at the points, `(draws, chains)`.
    """
    names, columns = [], []
    for name, u in uniforms.items():
        for degree, values in enumerate(legendre(u.double()), start=1):
            names.append(f"{('mean', 'spread', 'skewness')[degree - 1]} of {name}")
            columns.append(values.mean(0))
    per_chain = torch.stack(columns, dim=1)
    n = len(per_chain)
    error = per_chain.std(0) / math.sqrt(n)
    return Averages(names, per_chain.mean(0), error, 1 / (n * error.square()))


def legendre(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The polynomials of degree 1 to 3, orthonormal for the uniform law on [0, 1]."""
    t = 2 * u - 1
    cubic = (5 * t**3 - 3 * t) / 2
    return math.sqrt(3) * t, math.sqrt(5) * (3 * t * t - 1) / 2, math.sqrt(7) * cubic


def judge(trial: Trial, *, at_law: bool = True) -> tuple[bool | None, str]:
    """Whether a trial's averages are 0: a first trial, and if need be others, longer ones.

    Args:
        trial: carries out a trial of an effort, 1, 4 or 16, with chains of its own.
        at_law: whether its chains begin with the law that they should keep; if not, those that
            have hardly left their beginning prove nothing by being elsewhere.

    Returns:
        True or False, or None where the chains move too little or are still on their way, and a
        sentence with the figures of the worst function.
    """
    first = trial(EFFORTS[0])
    k = int(first.z().abs().argmax())
    suspected = two_sided(first.z()[k]) < SUSPICION / len(first.names)
    if not suspected and first.renewals.min() >= LEAST_RENEWALS:
        return True, first.words(k)
    again = trial(EFFORTS[1])
    if suspected:
        if not at_law and again.renewals[k] < LEAST_RENEWALS:
            return _renewed(again, k)
        return _confirmed(trial, k, first, again, at_law=at_law)
    k = int(again.z().abs().argmax())
    if at_law and two_sided(again.z()[k]) < SUSPICION * CONFIRMATION / len(again.names):
        return False, again.words(k)
    return _renewed(again, k)


def two_sided(z: Tensor | float) -> float:
    """P-value of a normal deviate."""
    return math.erfc(abs(float(z)) / math.sqrt(2))


def _confirmed(
    trial: Trial, k: int, first: Averages, again: Averages, *, at_law: bool
) -> tuple[bool | None, str]:
    if not _same_again(k, first, again):
        return _renewed(again, k)
    if at_law or _stands(k, first, again):
        return False, again.words(k)
    last = trial(EFFORTS[2])
    if _same_again(k, again, last) and last.deviation[k].abs() > 0.7 * again.deviation[k].abs():
        return False, last.words(k)
    return None, (
        f"undecided: still on its way, {again.words(k)}, in a longer trial {last.words(k)}; "
        "give it more steps per draw"
    )


def _stands(k: int, first: Averages, again: Averages) -> bool:
    """Whether a deviation is as large after four times the burn-in, too plainly for chance."""
    plain = min(first.z()[k].abs(), again.z()[k].abs()) > PLAIN
    return bool(plain and again.deviation[k].abs() > 0.9 * first.deviation[k].abs())


def _same_again(k: int, first: Averages, again: Averages) -> bool:
    direction = math.copysign(1.0, float(first.deviation[k]))
    return math.erfc(float(again.z()[k]) * direction / math.sqrt(2)) / 2 < CONFIRMATION


def _renewed(seen: Averages, k: int) -> tuple[bool | None, str]:
    slowest = int(seen.renewals.argmin())
    if seen.renewals[slowest] >= LEAST_RENEWALS:
        return True, seen.words(k)
    return None, (
        f"undecided: an effective sample size of {seen.renewals[slowest]:.2f} per chain of "
        f"{seen.names[slowest]}, where {LEAST_RENEWALS:.0f} are needed; nothing is wrong so far, "
        "but it moves too little to tell: other step sizes, or more steps per draw"
    )

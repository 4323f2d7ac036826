"""log Z along a ladder as a sandwich, with errors from columns, questioned by annealing."""

from __future__ import annotations

import math

from lightning_ebm.evaluation.log_z.estimate import Estimate
from lightning_ebm.evaluation.log_z.sandwich import FEW_DRAWS, TOLERANCE, Sandwich
from lightning_ebm.tempering import LadderRecord, ladder_log_z

RENEWED = 5.0
"""Renewals of a chain, on average over columns, below which it may still tell where it began."""
APART = 4.0
"""Standard errors by which two estimates of one number do not differ."""


def ladder_sandwich(ladder: LadderRecord, annealed: Sandwich | None = None) -> Sandwich:
    """Stepping stones from below and above, bridges between neighbours between them.

    What counts as a draw is a renewal: a state that came from the flow to β = 1. Errors are those
    between columns, which do not depend on each other.

    Args:
        ladder: a run with the energy held still.
        annealed: the same by annealing from the flow and back, which rests on no crossing.
    """
    found = ladder_log_z(ladder.log_weights, ladder.betas)
    worth = float(ladder.renewals)
    between = Estimate(found.value, found.standard_error, worth)
    lower = Estimate(found.lower, found.lower_standard_error, worth)
    upper = Estimate(found.upper, found.upper_standard_error, worth)
    doubts = _doubts(ladder, lower, upper, between)
    if annealed is not None:
        doubts += _against_annealing(between, annealed)
    return Sandwich(lower, upper, between, "ladder", doubts)


def _doubts(
    ladder: LadderRecord, lower: Estimate, upper: Estimate, between: Estimate
) -> list[str]:
    doubts = []
    if ladder.renewals < FEW_DRAWS:
        doubts.append(f"only {ladder.renewals} states came from the flow to the model")
    elif ladder.renewals_per_column < RENEWED:
        doubts.append(
            f"chains were renewed from the flow {ladder.renewals_per_column:.1f} times each, too "
            "seldom to have forgotten where they began"
        )
    if not 2 * between.standard_error <= TOLERANCE:
        doubts.append(f"the standard error of the bridges is {between.standard_error:.3f}")
    gap = upper.value - lower.value
    if gap < -APART * math.hypot(upper.standard_error, lower.standard_error):
        doubts.append(f"the ladder's upper end lies {-gap:.3f} nats below its lower one")
    halves = [
        ladder_log_z(half, ladder.betas)
        for half in ladder.log_weights.chunk(2)
        if len(ladder.log_weights) > 1
    ]
    if len(halves) == 2:
        apart = abs(halves[0].value - halves[1].value)
        error = math.hypot(halves[0].standard_error, halves[1].standard_error)
        if apart > APART * error:
            doubts.append(f"the two halves of the ladder's run are {apart:.3f} nats apart")
    return doubts


def _against_annealing(between: Estimate, annealed: Sandwich) -> list[str]:
    low, high = annealed.interval
    low -= 2 * between.standard_error
    high += 2 * between.standard_error
    if low <= between.value <= high:
        return []
    return [
        f"log Z by the ladder is {between.value:.3f}, and by annealing from the flow it lies "
        f"between {low:.3f} and {high:.3f}"
    ]

"""What a ladder from the flow to the model did: is it enough to believe what it says?"""

from __future__ import annotations

import math

from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.tempering import LadderRecord

STIFF = 0.99
"""Correlation of log w before and after local moves from which on these hardly move anything."""


class LadderConduct(Measure):
    """Barrier, swaps, renewals, and how much the local moves change, of a frozen run.

    Source: Surjanovic et al. (Pigeons.jl), the table after each round.
    """

    def __call__(self, evidence: Evidence) -> Figures:
        """`ladder/...`; nothing where no ladder was run."""
        ladder = evidence.ladder
        if ladder is None:
            return {}
        rejections, correlations = ladder.mean_rejections, ladder.correlations
        rounds, _, n = ladder.log_weights.shape
        rate = ladder.renewals / (rounds * n)
        figures: Figures = {
            "ladder/rungs": len(ladder.betas),
            "ladder/rounds": rounds,
            "ladder/barrier": ladder.barrier,
            "ladder/least_swap_acceptance": 1 - rejections.max(),
            "ladder/mean_swap_acceptance": 1 - rejections.mean(),
            "ladder/renewals": ladder.renewals,
            "ladder/renewals_per_round": rate,
            # At most 1 in 2 + 2Λ rounds of one sweep each, for states that forget V at once.
            "ladder/renewals_per_round_of_one_sweep_at_best": 1 / (2 + 2 * ladder.barrier),
            "ladder/age": ladder.ages.double().mean(),
            "ladder/largest_local_correlation": correlations.max(),
            "ladder/mean_local_correlation": correlations.mean(),
        }
        evidence.remarks.append(_sentence(ladder, float(correlations.max())))
        return figures


def _sentence(ladder: LadderRecord, stiffest: float) -> str:
    rounds, n_rungs, n = ladder.log_weights.shape
    least = 1 - float(ladder.mean_rejections.max())
    age = float(ladder.ages.double().mean())
    sentence = (
        f"ladder of {n_rungs} rungs: barrier {ladder.barrier:.2f}, swaps accepted {least:.2f} at "
        f"least; {ladder.renewals} states came from the flow to the model in {rounds} rounds of "
        f"{n} columns, where they are {age:.0f} rounds old on average"
    )
    if not math.isnan(stiffest) and stiffest > STIFF:
        sentence += (
            f"; local moves leave log w as it is (correlation {stiffest:.3f} on one rung), so "
            "that states travel less than swaps seem to tell"
        )
    return sentence

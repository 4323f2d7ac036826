"""Whether log Z is to be trusted, in one sentence that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lightning_ebm.evaluation.log_z.sandwich import Sandwich


class Verdict(NamedTuple):
    """Trusted or not, and why."""

    trusted: bool
    sentence: str


def conclude(
    sandwich: Sandwich, doubts: Sequence[str] = (), faults: Sequence[str] = ()
) -> Verdict:
    """Weigh an estimate: one doubt, whoever has it, ends trust.

    The word describes the estimate. A model may be wrong and its log Z right: what is known to be
    wrong with the model stands in the same sentence.

    Args:
        sandwich: the estimate, with what speaks against it from within.
        doubts: what else speaks against it, a clause each.
        faults: how the model differs from a known truth, a clause each.
    """
    low, high = sandwich.interval
    against = [*sandwich.doubts, *doubts]
    if against:
        sentence = f"not trusted: {'; '.join(against)} (log Z {sandwich.log_z:.3f})"
    else:
        sentence = f"trusted: log Z is {sandwich.log_z:.3f}, between {low:.3f} and {high:.3f}"
        if sandwich.looked:
            sentence += f", on the regions that {sandwich.looked} reach"
    if faults:
        sentence += f". The model is wrong all the same: {'; '.join(faults)}"
    return Verdict(not against, f"log Z by {sandwich.proposal}: {sentence}")

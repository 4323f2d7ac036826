"""log Z as a sandwich, and the likelihood of held-out data that follows from it."""

from __future__ import annotations

from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.log_z import Sandwich, annealed_sandwich, flow_sandwich
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.evaluation.quadrature import evaluate


class Likelihood(Measure):
    """log Z from below and above with a verdict; test likelihood, and bits per dimension.

    With a flow: importance sampling from it and to it, and the bridge. Without: annealing from
    the reference and back, outside `fit` alone, since it takes a while.
    """

    def __call__(self, evidence: Evidence) -> Figures:
        """`log_z/...`; `test/nll` and `model/log_z` where nothing exacter gave them."""
        if evidence.weighted is None:
            return {}
        sandwich = _with_flow(evidence) if evidence.flow is not None else _annealed(evidence)
        evidence.remarks.append(f"log Z by {sandwich.proposal}: {sandwich.verdict}")
        figures: Figures = dict(sandwich.scalars())
        if evidence.log_z is not None:
            low, high = sandwich.interval
            figures["log_z/error"] = sandwich.log_z - evidence.log_z
            figures["log_z/covers_quadrature"] = float(low <= evidence.log_z <= high)
        if evidence.density is None:
            figures["model/log_z"] = sandwich.log_z
            figures |= _likelihood(evidence, sandwich)
        return figures


def _with_flow(evidence: Evidence) -> Sandwich:
    settled = evidence.settled
    return flow_sandwich(
        evidence.weighted.log_weights,
        evidence.log_weights(settled.flatten(0, 1)),
        chains=settled.shape[1],
        data_weights=evidence.log_weights(evidence.data),
    )


def _annealed(evidence: Evidence) -> Sandwich:
    ends = evidence.draws[-1][: evidence.annealing_chains]
    return annealed_sandwich(evidence.weighted.log_weights, evidence.annealing.backward(ends))


def _likelihood(evidence: Evidence, sandwich: Sandwich) -> Figures:
    low, high = sandwich.interval
    negative = -evaluate(evidence.problem.log_density, evidence.data)
    figures: Figures = {
        "test/nll": negative.mean() + sandwich.log_z,
        "test/nll_lower": negative.mean() + low,
        "test/nll_upper": negative.mean() + high,
    }
    if evidence.labelled is not None:
        bits = evidence.labelled.bits_per_dimension(negative + sandwich.log_z, evidence.data)
        if bits is not None:
            figures["test/bits_per_dimension"] = bits.mean()
    return figures

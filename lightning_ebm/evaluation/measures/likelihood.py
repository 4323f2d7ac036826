"""log Z as a sandwich, and the likelihood of held-out data that follows from it."""

from __future__ import annotations

import math

from lightning_ebm.evaluation.estimation import estimated
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.log_z import Sandwich
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.evaluation.quadrature import evaluate
from lightning_ebm.needed import needed


class Likelihood(Measure):
    """log Z from below and above; test likelihood, and bits per dimension.

    How log Z is found, says `estimated`. What takes a while is left to `test`, outside `fit`. The
    verdict is concluded when all measures have had their say.
    """

    def __call__(self, evidence: Evidence) -> Figures:
        """`log_z/...`; `test/nll` and `model/log_z` where nothing exacter gave them.

        Beside them `flow/nll`, so that what the energy adds to its flow is seen.
        """
        sandwich = estimated(evidence)
        if sandwich is None:
            return {}
        evidence.sandwich = sandwich
        figures: Figures = dict(sandwich.scalars())
        held_out = len(evidence.data) > 0
        if evidence.flow is not None and held_out:
            figures["flow/nll"] = -evaluate(evidence.flow.log_prob, evidence.data).mean()
        if evidence.log_z is not None:
            figures |= _against_quadrature(evidence, sandwich)
        if evidence.density is None:
            figures["model/log_z"] = sandwich.log_z
            if held_out:
                figures |= _likelihood(evidence, sandwich)
        return figures


def _against_quadrature(evidence: Evidence, sandwich: Sandwich) -> Figures:
    log_z = needed(evidence.log_z)
    if math.isnan(log_z):
        return {"log_z/error": math.nan, "log_z/covers_quadrature": math.nan}
    low, high = sandwich.interval
    covers = low <= log_z <= high
    if not covers:
        evidence.doubts.append(f"log Z by quadrature is {log_z:.3f}")
    return {
        "log_z/error": sandwich.log_z - log_z,
        "log_z/covers_quadrature": float(covers),
    }


def _likelihood(evidence: Evidence, sandwich: Sandwich) -> Figures:
    low, high = sandwich.interval
    negative = -evaluate(evidence.problem.log_density, evidence.data)
    figures: Figures = {
        "test/nll": negative.mean() + sandwich.log_z,
        "test/nll_lower": negative.mean() + low,
        "test/nll_upper": negative.mean() + high,
    }
    if evidence.stored is not None:
        told = {
            "test/bits_per_dimension": evidence.stored.bits_per_dimension,
            "test/nll_in_data_units": evidence.stored.nll_in_data_units,
        }
        for name, of in told.items():
            value = of(negative + sandwich.log_z, evidence.data)
            if value is not None:
                figures[name] = value.mean()
    return figures

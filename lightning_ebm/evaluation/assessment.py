"""All that is known of a model, put together: figures of every measure, and one verdict."""

from __future__ import annotations

from collections.abc import Sequence

from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.log_z import conclude
from lightning_ebm.evaluation.measures import Figures, Measure
from lightning_ebm.networks import sampling


def assess(evidence: Evidence, measures: Sequence[Measure]) -> Figures:
    """Run the measures in order, then conclude whether log Z is to be trusted.

    Whatever a measure says against it counts, not the estimates of log Z alone. The verdict is the
    last remark of the evidence, and `log_z/trusted` among the figures.
    """
    figures: Figures = {}
    with sampling(*evidence.problem.networks):
        for measure in measures:
            figures |= measure(evidence)
    if evidence.sandwich is not None:
        verdict = conclude(evidence.sandwich, evidence.doubts, evidence.faults)
        figures["log_z/trusted"] = float(verdict.trusted)
        evidence.verdict = verdict
        evidence.remarks.append(verdict.sentence)
    return figures

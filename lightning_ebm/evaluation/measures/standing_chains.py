"""Fresh chains that never moved, or stand where the model's density is zero."""

from __future__ import annotations

import torch

from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.evaluation.quadrature import evaluate

TOO_MANY = 1 / 20


class StandingChains(Measure):
    """Counts the chains that a sampler left standing; both speak against trust.

    A chain has not moved if it stayed at one point through the settled draws and from the draw
    before them; where chains begin anew at every draw, if it ended where it began. More than 1 in
    20 of these, or any chain at zero density, are a doubt.
    """

    def __call__(self, evidence: Evidence) -> Figures:
        """`diagnostics/unmoved_share` and `diagnostics/zero_density_share`."""
        if evidence.during_fit or not evidence.draws:
            return {}
        nowhere = _share_at_zero_density(evidence)
        figures: Figures = {"diagnostics/zero_density_share": nowhere}
        unmoved = _share_unmoved(evidence)
        if unmoved is not None:
            figures["diagnostics/unmoved_share"] = unmoved
        return figures


def _share_at_zero_density(evidence: Evidence) -> float:
    chains = len(evidence.draws[-1])
    begun_anew = float(evidence.info.get("zero_density", 0.0))
    if begun_anew > 0:
        beginnings = chains * len(evidence.draws)
        evidence.remarks.append(
            f"chains stood where the model's density is zero at {round(begun_anew * beginnings)} "
            f"of {beginnings} beginnings of a draw, and were begun anew"
        )
    log_density = evaluate(evidence.problem.log_density, evidence.draws[-1])
    nowhere = int((log_density == -torch.inf).sum())
    if nowhere:
        sentence = f"{nowhere} of {chains} chains ended where the model's density is zero"
        evidence.remarks.append(sentence)
        evidence.doubts.append(sentence)
    return nowhere / chains


def _share_unmoved(evidence: Evidence) -> float | None:
    if not evidence.followed:
        unmoved = evidence.info.get("unmoved")
        if unmoved is None:
            return None
        share, n = float(unmoved), len(evidence.draws[-1]) * len(evidence.draws)
        sentence = f"{round(share * n)} of {n} chains ended where they began"
    elif len(evidence.draws) < 2:
        return None
    else:
        # The draw before the settled ones is where their first move began.
        begun = max(len(evidence.draws) // 2 - 1, 0)
        path = torch.stack(evidence.draws[begun:])
        never = (path == path[0]).flatten(2).all(2).all(0)
        share, n = float(never.double().mean()), len(never)
        sentence = f"{int(never.sum())} of {n} chains never moved over {len(path) - 1} draws"
    if share > 0:
        evidence.remarks.append(sentence)
    if share > TOO_MANY:
        evidence.doubts.append(sentence)
    return share

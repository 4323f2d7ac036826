"""How far fresh chains, the flow and held-out data are from each other, as samples."""

from __future__ import annotations

from lightning_ebm.evaluation.distances import maximum_mean_discrepancy, sliced_wasserstein
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.needed import needed
from lightning_ebm.ranges import require_count


class SampleDistances(Measure):
    """Sliced Wasserstein distance and MMD² between data, chains and flow.

    Args:
        n_points: of each sample.
    """

    def __init__(self, n_points: int = 1000) -> None:
        self.n_points = require_count("n_points", n_points)

    def __call__(self, evidence: Evidence) -> Figures:
        """`distance/A_B_sliced_wasserstein` and `distance/A_B_mmd`."""
        samples = {"data": evidence.data}
        if evidence.draws:
            samples["chains"] = evidence.draws[-1]
        if evidence.flow is not None:
            samples["flow"] = needed(evidence.weighted).x
        points = {name: x[: self.n_points] for name, x in samples.items()}
        figures: Figures = {}
        for one, other in (("chains", "data"), ("flow", "data"), ("chains", "flow")):
            if points.keys() >= {one, other}:
                pair = points[one], points[other]
                figures[f"distance/{one}_{other}_sliced_wasserstein"] = sliced_wasserstein(*pair)
                figures[f"distance/{one}_{other}_mmd"] = maximum_mean_discrepancy(*pair)
        return figures

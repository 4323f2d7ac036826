"""Whether fresh chains have forgotten where they began: R-hat, effective draws, crossings."""

from __future__ import annotations

import torch

from lightning_ebm.evaluation.convergence import convergence, worst
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.evaluation.mode_weights import mode_crossings
from lightning_ebm.evaluation.quadrature import evaluate

AGREEMENT = 1.01


class ChainConvergence(Measure):
    """R-hat and effective draws of the energy and of mode indicators, and mode crossings.

    Of chains that go on from draw to draw, over the second half of their draws; crossings over
    all of them.
    """

    def __call__(self, evidence: Evidence) -> Figures:
        """`diagnostics/...`; `sampler/crossings_per_1000_evaluations` where modes are known."""
        if not evidence.followed:
            return {}
        figures: Figures = {}
        settled = evidence.settled
        shape = settled.shape[:2]
        if len(settled) >= 4:
            energy = -evaluate(evidence.problem.log_density, settled.flatten(0, 1)).view(shape)
            seen = {"energy": convergence(energy)}
            if evidence.density is not None:
                modes = evidence.density.responsibilities(settled.flatten(0, 1)).argmax(1)
                indicators = torch.nn.functional.one_hot(modes).double().view(*shape, -1)
                seen["modes"] = worst([convergence(part) for part in indicators.unbind(2)])
            for name, (rhat, bulk, tail) in seen.items():
                figures[f"diagnostics/{name}_rhat"] = rhat
                figures[f"diagnostics/{name}_bulk_effective_draws"] = bulk
                figures[f"diagnostics/{name}_tail_effective_draws"] = tail
                if rhat > AGREEMENT:
                    evidence.remarks.append(
                        f"chains do not agree on {name}: R-hat {rhat:.3f} over {shape[0]} draws "
                        f"of {shape[1]} chains"
                    )
        if evidence.density is not None:
            crossings = mode_crossings(evidence.draws, evidence.density)
            rate = 1000 * crossings / evidence.evaluations
            figures["sampler/crossings_per_1000_evaluations"] = rate
        return figures

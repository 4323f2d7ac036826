"""Whether fresh chains have forgotten where they began: R-hat, sample sizes, crossings."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightning_ebm.evaluation.convergence import Convergence, convergence, worst
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.log_z import FEW_DRAWS
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.evaluation.mode_weights import mode_crossings
from lightning_ebm.evaluation.quadrature import evaluate

AGREEMENT = 1.01
UNTRUSTED = 1.05


class ChainConvergence(Measure):
    """R-hat and effective sample size of the energy and of mode indicators, and mode crossings.

    Of chains that go on from draw to draw, over the second half of their draws; crossings over
    all of them. An R-hat above 1.05 speaks against trust, and so does an energy that is worth
    fewer than 50 draws.
    """

    def __call__(self, evidence: Evidence) -> Figures:
        """`diagnostics/...`; `sampler/crossings_per_1000_evaluations` where modes are known."""
        if not evidence.followed:
            return {}
        figures: Figures = {}
        settled = evidence.settled
        shape = settled.shape[:2]
        if len(settled) >= 4:
            seen = {"energy": convergence(_energies(evidence))}
            if evidence.density is not None and len(evidence.density.mode_weights) > 1:
                modes = evidence.density.responsibilities(settled.flatten(0, 1)).argmax(1)
                indicators = torch.nn.functional.one_hot(modes).double().view(*shape, -1)
                seen["modes"] = worst([convergence(part) for part in indicators.unbind(2)])
            for name, found in seen.items():
                figures[f"diagnostics/{name}_r_hat"] = found.r_hat
                figures[f"diagnostics/{name}_ess_bulk"] = found.ess_bulk
                figures[f"diagnostics/{name}_ess_tail"] = found.ess_tail
                _judge(evidence, name, found)
        if evidence.density is not None:
            crossings = mode_crossings(evidence.draws, evidence.density)
            rate = 1000 * crossings / evidence.evaluations
            figures["sampler/crossings_per_1000_evaluations"] = rate
        return figures


def _energies(evidence: Evidence) -> Tensor:
    """Energies of the settled draws `(draws, chains)`; those of a chain that stays are equal.

    A network rounds the same point otherwise in another place of a batch, and a chain that never
    moved would seem to.
    """
    settled = evidence.settled
    energies = -evaluate(evidence.problem.log_density, settled.flatten(0, 1))
    rows = list(energies.view(settled.shape[:2]))
    for k in range(1, len(rows)):
        stayed = (settled[k] == settled[k - 1]).flatten(1).all(1)
        rows[k] = torch.where(stayed, rows[k - 1], rows[k])
    return torch.stack(rows)


def _judge(evidence: Evidence, name: str, found: Convergence) -> None:
    draws, chains = evidence.settled.shape[:2]
    if math.isnan(found.r_hat):
        evidence.remarks.append(
            f"whether chains agree on {name} is unknown: it is the same in all {draws} draws of "
            f"{chains} chains"
            if name == "energy"
            else f"whether chains agree on {name} is unknown: all {draws} draws of {chains} "
            "chains are in one"
        )
    elif found.r_hat > UNTRUSTED:
        disagree = f"chains do not agree on {name}: R-hat is {_in_words(name, found.r_hat)}"
        evidence.remarks.append(f"{disagree}, over {draws} draws of {chains} chains")
        evidence.doubts.append(disagree)
    elif found.r_hat > AGREEMENT:
        evidence.remarks.append(
            f"chains nearly agree on {name}: R-hat is {found.r_hat:.3f}, over {draws} draws of "
            f"{chains} chains; up to {UNTRUSTED} they are believed"
        )
    if name == "energy" and found.ess_bulk < FEW_DRAWS:
        evidence.doubts.append(f"the energies of the chains are worth {found.ess_bulk:.0f} draws")


def _in_words(name: str, r_hat: float) -> str:
    if math.isinf(r_hat):
        return "infinite, they never " + ("moved" if name == "energy" else "left theirs")
    return f"{r_hat:.3f}" if r_hat < 100 else f"{r_hat:.2g}"

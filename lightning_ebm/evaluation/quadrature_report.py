"""What a 2-D model is, by quadrature: log Z, mode weights, KL, test likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.evaluation.adaptive_quadrature import (
    EDGE_MASS,
    TOLERANCE,
    AdaptiveQuadrature,
)
from lightning_ebm.evaluation.mode_weights import total_variation
from lightning_ebm.evaluation.quadrature import LogDensity, evaluate
from lightning_ebm.evaluation.report import Report, better_than_truth, report
from lightning_ebm.metrics.known_density import KnownDensity

BEYOND = 1e-3
"""Share of the model's draws that may lie beyond all cells."""


def density_report(
    log_density: LogDensity,
    density: KnownDensity,
    test: Tensor,
    resolution: int = 400,
    draws: Tensor | None = None,
) -> Report:
    """How a 2-D model compares with the density that its data came from.

    Args:
        log_density: the model's unnormalised log-density of points `(n, 2)`.
        density: the true density.
        test: points drawn from it, `(m, 2)`.
        resolution: the model is evaluated some 2 resolution² times at most, mostly far fewer.
        draws: points that chains drew from the model, `(l, 2)`: mass of the model is looked for
            at them too. Mass where neither the boxes of the density nor these points nor a coarse
            cover of the surroundings reach is not seen.

    Returns:
        `model/log_z`; `model/mode_weight_k` and `model/mode_weight_tv`, the error of the model's
        mode weights in total variation; `model/kl`, KL(data density ‖ model) in nats;
        `model/edge_mass`; `test/nll`, in nats, and `test/nll_of_truth`, that of the true density.
        Doubts are two resolutions that differ, a truth whose integral is not 1, mass without an
        end, draws that no cell holds, and data likelier than under the truth.
    """
    draws = test[:0] if draws is None else draws.to(test)
    draws = draws[draws.isfinite().all(1)]
    # Draws beyond a sixteenth of the evaluations would cost more than they tell.
    draws = draws[:: max(1, -(-16 * len(draws) // resolution**2))]
    points = torch.cat([test, draws])
    log_q = evaluate(log_density, points)
    log_p = evaluate(density.log_prob, points.double())
    found = AdaptiveQuadrature(log_density, density, points, log_q, log_p, resolution)
    log_q, log_p = log_q[: len(test)], log_p[: len(test)]
    figures: dict[str, Tensor | float] = {
        "model/log_z": found.log_z,
        "model/kl": found.kl,
        "model/mode_weight_tv": total_variation(found.mode_weights, density.mode_weights),
        "model/edge_mass": found.edge_mass,
        "test/nll": found.log_z - log_q.mean(),
        "test/nll_of_truth": -log_p.mean(),
    }
    figures |= {f"model/mode_weight_{k}": weight for k, weight in enumerate(found.mode_weights)}
    doubts = _doubts(found, found.outside[len(test) :])
    doubts = doubts or better_than_truth(log_q - found.log_z - log_p, 2 * TOLERANCE)
    return report(figures, doubts, {"model/edge_mass", "test/nll_of_truth"})


def _doubts(found: AdaptiveQuadrature, outside: Tensor) -> list[str]:
    if not found.log_z.isfinite():
        return ["the model's log-density has no finite integral"]
    doubts = []
    if found.edge_mass > EDGE_MASS:
        doubts.append(
            f"{found.edge_mass:.2g} of the model's mass lies in the outermost cells of its "
            "quadrature, as if it had no end"
        )
    if found.disagreement.isinf():
        doubts.append(
            f"its quadrature would take more than {found.evaluations} evaluations of the model"
        )
    elif found.disagreement > TOLERANCE:
        doubts.append(f"two resolutions of its quadrature differ by {found.disagreement:.2g}")
    if not abs(found.truth - 1) <= TOLERANCE:
        doubts.append(f"by the same quadrature the truth integrates to {found.truth:.3f}")
    if len(outside) and outside.double().mean() > BEYOND:
        share = outside.double().mean()
        doubts.append(f"{share:.2g} of the model's draws lie beyond the cells of its quadrature")
    return doubts

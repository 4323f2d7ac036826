"""What a model of a known density is in any dimension, by importance sampling from the truth."""

from __future__ import annotations

import math
from typing import Protocol

from torch import Tensor

from lightning_ebm.evaluation.log_z import FEW_DRAWS, importance_sampling
from lightning_ebm.evaluation.mode_weights import total_variation, weighted_mode_weights
from lightning_ebm.evaluation.quadrature import LogDensity, evaluate
from lightning_ebm.evaluation.report import Report, better_than_truth, report
from lightning_ebm.metrics.known_density import KnownDensity

BEYOND = 0.01
"""Share of the model's draws that may be heavier than every draw of the truth."""
MOST_DRAWS = 10_000
"""Draws of the model that are weighed, at most."""


class SampledDensity(KnownDensity, Protocol):
    """A known density that can also be drawn from."""

    def sample(self, n: int) -> Tensor:
        """Draw n points `(n, *event)`."""


def importance_report(
    log_density: LogDensity,
    density: SampledDensity,
    test: Tensor,
    n: int = 50_000,
    draws: Tensor | None = None,
) -> Report:
    """How a model compares with the density that its data came from, where no grid is possible.

    With x ~ p the truth and w = p̃(x)/p(x): Z = E[w], KL(p ‖ model) = log Z - E[log w], and a
    mode's weight in the model is E[w r_k]/E[w], r_k its responsibility. Draws of the truth do not
    meet mass of the model where the truth has none. What gives it away is said: few effective
    draws; held-out data likelier than under the truth; and draws of the model that are heavier
    than every draw of the truth, for that share of Z is missing, E_model[1{w > t}] = E_p[w 1{w >
    t}]/Z.

    Args:
        log_density: the model's unnormalised log-density.
        density: the true density.
        test: points drawn from it, `(m, *event)`.
        n: draws of the truth.
        draws: points that chains drew from the model, `(l, *event)`.

    Returns:
        The keys of `density_report` that make sense here; the standard error of KL and of each
        weight; and `model/truth_ess_share`, the effective share of the n draws, (Σw)²/(n Σw²).
    """
    x = density.sample(n).to(test)
    log_weights = evaluate(log_density, x) - evaluate(density.log_prob, x)
    estimate = importance_sampling(log_weights)
    log_z, ess = estimate.value, estimate.ess
    weights, errors = weighted_mode_weights(log_weights, density.responsibilities(x))
    log_q, log_p = evaluate(log_density, test), evaluate(density.log_prob, test)
    # By the delta method: KL is a smooth function of the means of w and of log w.
    influence = (log_weights - log_z).exp() - log_weights
    figures: dict[str, Tensor | float] = {
        "model/log_z": log_z,
        "model/kl": log_z - log_weights.mean(),
        "model/kl_standard_error": influence.std() / math.sqrt(n),
        "model/mode_weight_tv": total_variation(weights, density.mode_weights),
        "model/truth_ess_share": ess / n,
        "test/nll": log_z - log_q.mean(),
        "test/nll_of_truth": -log_p.mean(),
    }
    figures |= {f"model/mode_weight_{k}": weight for k, weight in enumerate(weights)}
    figures |= {f"model/mode_weight_standard_error_{k}": error for k, error in enumerate(errors)}
    doubts = []
    if ess < FEW_DRAWS:
        doubts.append(f"{n} draws of the data's density are worth {ess:.1f} draws of the model")
    if draws is not None and len(draws):
        doubts += _mass_elsewhere(log_density, density, draws.to(test), log_weights.max())
    doubts += better_than_truth(log_q - log_z - log_p, estimate.standard_error)
    return report(figures, doubts, {"model/truth_ess_share", "test/nll_of_truth"})


def _mass_elsewhere(
    log_density: LogDensity, density: SampledDensity, draws: Tensor, heaviest: Tensor
) -> list[str]:
    draws = draws[:: max(1, -(-len(draws) // MOST_DRAWS))]
    draws = draws[draws.isfinite().flatten(1).all(1)]
    log_weights = evaluate(log_density, draws) - evaluate(density.log_prob, draws)
    beyond = (log_weights > heaviest).double().mean()
    if beyond > BEYOND:
        return [f"{beyond:.2g} of the model's draws lie where the data's density has next to none"]
    return []

"""What a model of a known density is in any dimension, by importance sampling from the truth."""

from __future__ import annotations

import torch

from lightning_ebm.evaluation.known_density import KnownDensity
from lightning_ebm.evaluation.log_z import importance_sampling
from lightning_ebm.evaluation.mode_weights import total_variation, weighted_mode_weights
from lightning_ebm.evaluation.quadrature import LogDensity, evaluate


class SampledDensity(KnownDensity):
    """A known density that can also be drawn from."""

    def sample(self, n: int) -> torch.Tensor:
        """Draw n points `(n, *event)`."""


def importance_report(
    log_density: LogDensity, density: SampledDensity, test: torch.Tensor, n: int = 50_000
) -> dict[str, float]:
    """How a model compares with the density that its data came from, where no grid is possible.

    With x ~ p the truth and w = p̃(x)/p(x): Z = E[w], KL(p ‖ model) = log Z - E[log w], and a
    mode's weight in the model is E[w r_k]/E[w], r_k its responsibility. Mass of the model where
    the truth has none is not seen; a small `model/truth_ess` gives away how far the two differ.

    Args:
        log_density: the model's unnormalised log-density.
        density: the true density.
        test: points drawn from it, `(m, *event)`.
        n: draws of the truth.

    Returns:
        The keys of `density_report` that make sense here; the standard error of each weight; and
        `model/truth_ess`, the effective share of the n draws, (Σw)²/(n Σw²).
    """
    x = density.sample(n).to(test)
    log_weights = evaluate(log_density, x) - evaluate(density.log_prob, x)
    log_z, _, effective_draws = importance_sampling(log_weights)
    weights, errors = weighted_mode_weights(log_weights, density.responsibilities(x))
    report = {
        "model/log_z": log_z,
        "model/kl": log_z - log_weights.mean(),
        "model/mode_weight_tv": total_variation(weights, density.mode_weights),
        "model/truth_ess": effective_draws / n,
        "test/nll": log_z - evaluate(log_density, test).mean(),
        "test/nll_of_truth": -evaluate(density.log_prob, test).mean(),
    }
    report |= {f"model/mode_weight_{k}": weight for k, weight in enumerate(weights)}
    report |= {f"model/mode_weight_standard_error_{k}": error for k, error in enumerate(errors)}
    return {key: float(value) for key, value in report.items()}

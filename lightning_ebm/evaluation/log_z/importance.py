"""log Z by importance sampling, from a proposal to the model and from the model to a proposal."""

from __future__ import annotations

from torch import Tensor

from lightning_ebm.evaluation.log_z.estimate import Estimate, log_mean


def importance_sampling(log_weights: Tensor) -> Estimate:
    """Log Z from weights of draws of a proposal: Z = E_q[p̃(x)/q(x)].

    The estimate of Z is unbiased, so that of log Z is too low on average (Jensen).

    Args:
        log_weights: log p̃(x)/q(x) at independent draws of q, `(n,)`.
    """
    return log_mean(log_weights)


def reverse_importance_sampling(log_weights: Tensor, chains: int | None = None) -> Estimate:
    """Log Z from weights of draws of the model: 1/Z = E_p[q(x)/p̃(x)].

    The estimate of 1/Z is unbiased, so that of log Z is too high on average. q must not reach
    beyond the model, and the draws must be the model's.

    Args:
        log_weights: log p̃(x)/q(x) at draws of the model, `(n,)`.
        chains: if the draws are those of chains, how many; see `log_mean`.

    Source: Newton and Raftery 1994, with a general q as in Gelfand and Dey 1994.
    """
    inverse = log_mean(-log_weights, chains)
    return inverse._replace(value=-inverse.value)

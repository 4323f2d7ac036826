"""log Z by bridge sampling: draws of a proposal and of the model, combined at best."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightning_ebm.evaluation.log_z.estimate import Estimate, log_mean


def bridge_sampling(
    proposal_weights: Tensor,
    model_weights: Tensor,
    chains: int | None = None,
    tolerance: float = 1e-10,
) -> Estimate:
    """Log Z as the fixed point r of Meng and Wong's optimal bridge.

    r ← mean_q[l / (s_p l + s_q r)] / mean_p[1 / (s_p l + s_q r)] with l = p̃/q and s the shares of
    the two samples, all in logs.

    Args:
        proposal_weights: log l at independent draws of q, `(n_q,)`.
        model_weights: log l at draws of the model, `(n_p,)`.
        chains: if those draws are chains', how many; see `log_mean`.
        tolerance: change of log r at which the iteration ends.

    Source: Meng and Wong 1996, section 3; the error as in Frühwirth-Schnatter 2004, eq. 13.
    """
    q, p = proposal_weights.double(), model_weights.double()
    log_share_p = math.log(len(p) / (len(p) + len(q)))
    log_share_q = math.log(len(q) / (len(p) + len(q)))
    finite = p[p.isfinite()]
    log_r = finite.median() if len(finite) else torch.tensor(-math.inf, dtype=torch.float64)
    for _ in range(1000):
        above, below = _terms(q, p, log_r, log_share_p, log_share_q)
        new = above.logsumexp(0) - math.log(len(q)) - below.logsumexp(0) + math.log(len(p))
        change, log_r = (new - log_r).abs(), new
        if not change > tolerance:
            break
    above, below = _terms(q, p, log_r, log_share_p, log_share_q)
    # The terms are bounded by 1/s_p and 1/(s_q r), however heavy the tails of l are.
    from_proposal = log_mean(above, bounded=True)
    from_model = log_mean(below, chains, bounded=True)
    return Estimate(
        float(log_r),
        math.hypot(from_proposal.standard_error, from_model.standard_error),
        min(from_proposal.ess, from_model.ess),
    )


def _terms(
    q: Tensor, p: Tensor, log_r: Tensor, log_share_p: float, log_share_q: float
) -> tuple[Tensor, Tensor]:
    def log_denominator(log_l: Tensor) -> Tensor:
        return torch.logaddexp(log_share_p + log_l, (log_share_q + log_r).expand_as(log_l))

    return q - log_denominator(q), -log_denominator(p)

"""States of all rungs as weighted points of the model, and draws from among them."""

from __future__ import annotations

import torch
from torch import Tensor


def pooled_log_weights(log_weights: Tensor, betas: Tensor, log_ratios: Tensor) -> Tensor:
    """Unnormalised log-weights at β = 1 of the states of all rungs, as `log_weights`.

    With f_k = log Z_k the states of all rungs together are draws of the mixture of all π_k, and a
    state's weight in the model is ∝ exp(V) / Σ_k exp(β_k V - f_k). Hot rungs, which are renewed at
    every round, have a say as far as they reach the model.

    Args:
        log_weights: V at the states, `(..., K, n)`.
        betas: `(K,)`.
        log_ratios: f_{k+1} - f_k, `(K-1,)`.

    Source: Shirts and Chodera 2008, J. Chem. Phys. 129, eq. 11 and 12.
    """
    v = log_weights.double()
    f = torch.cat([v.new_zeros(1), log_ratios.to(v).cumsum(0)])
    on_rungs = betas.to(v) * v[..., None] - f
    return (v - on_rungs.logsumexp(-1)).nan_to_num(-torch.inf)


def resampled(log_weights: Tensor, n: int) -> Tensor:
    """Places `(n,)` among m states, each as often as its share of the weight, within one.

    By systematic resampling: one random number, the least variance that unbiased counts allow of
    the schemes in use.

    Args:
        log_weights: `(m,)`, not all -inf.
        n: places.

    Source: Carpenter, Clifford and Fearnhead 1999.
    """
    cumulated = log_weights.softmax(0).cumsum(0)
    points = (
        torch.arange(n, device=cumulated.device) + torch.rand((), device=cumulated.device)
    ) / n
    return torch.searchsorted(cumulated, points.to(cumulated)).clamp(max=len(log_weights) - 1)

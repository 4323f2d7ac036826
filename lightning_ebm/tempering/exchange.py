"""Swaps of neighbouring rungs, sweep after sweep, which cost no evaluation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Exchange(NamedTuple):
    """Where states went.

    Attributes:
        order: which rung's state each rung has now, column by column, `(K, n)`.
        rejections: mean rejection of each pair over the sweeps that proposed it, `(K-1,)`; NaN
            for a pair that none did.
    """

    order: Tensor
    rejections: Tensor


def exchange(log_weights: Tensor, betas: Tensor, n_sweeps: int, first: int = 0) -> Exchange:
    """Swap neighbouring rungs, even pairs and odd pairs in turn.

    Pair (k, k+1) swaps with probability min(1, exp((β_{k+1} - β_k)(V_k - V_{k+1}))), V = log w.
    In that fixed order a state travels ballistically, where a random choice of pairs would let it
    diffuse. A state whose weight is not finite does not go up, and gives way to one whose is.

    Args:
        log_weights: V of the n states of each rung, `(K, n)`; a column is one ladder.
        betas: `(K,)`.
        n_sweeps: sweeps, each of the pairs of one parity.
        first: parity of the first sweep, 0 or 1.

    Source: Okabe, Kawata, Okamoto and Mikami 2001; Syed et al. 2022, sections 3 and 4.
    """
    n_rungs, n = log_weights.shape
    betas = betas.to(log_weights)
    order = torch.arange(n_rungs, device=log_weights.device)[:, None].repeat(1, n)
    held = torch.where(log_weights.isfinite(), log_weights, -torch.inf)
    rejected, proposed = held.new_zeros(n_rungs - 1), held.new_zeros(n_rungs - 1)
    for sweep in range(n_sweeps):
        low = torch.arange((first + sweep) % 2, n_rungs - 1, 2, device=held.device)
        if len(low) == 0:
            continue
        gain = (betas[low + 1] - betas[low])[:, None] * (held[low] - held[low + 1])
        probability = gain.clamp(max=0).exp().nan_to_num(0.0)
        swapped = torch.rand_like(probability) < probability
        rejected[low] += 1 - probability.mean(1)
        proposed[low] += 1
        order = _swapped(order, low, swapped)
        held = _swapped(held, low, swapped)
    return Exchange(order, rejected / proposed)


def _swapped(values: Tensor, low: Tensor, swapped: Tensor) -> Tensor:
    below, above = values[low], values[low + 1]
    values = values.clone()
    values[low] = torch.where(swapped, above, below)
    values[low + 1] = torch.where(swapped, below, above)
    return values

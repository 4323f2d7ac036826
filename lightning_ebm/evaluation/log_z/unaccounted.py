"""How much of Z may lie where chains of the model are and no draw of the proposal is.

Importance sampling, reverse importance sampling and the bridge between them all forget what the
proposal never reaches, and their errors do not know. Chains that stay in such a place do.
"""

from __future__ import annotations

import math

import torch
from scipy.stats import chi2
from torch import Tensor

FEW = 20
"""Draws of the proposal in a region beyond which they tell what lies there."""


def unaccounted_shares(trails: Tensor, proposal_weights: Tensor, log_z: float) -> Tensor:
    """Bound, chain by chain, what of Z lies where the chain stays and no draw tells of it.

    Let R be where the weight w = p̃/q is at least the smallest that the chain had. If k of n draws
    of the proposal fell there, q(R) is at most Q = χ²(.95; 2k + 2)/2n with 95 % confidence, which
    is 3/n for k = 0 (Hanley and Lippman-Hand 1983). And q(R) = p(R) E[Z/w | R], p the model, whose
    mean over R is that along the chain. So p(R) is at most Q / E[Z/w | R]; the draws that did fall
    into R account for the mean of their weights; where they are more than a few, or that is half
    of the bound, they account for R. With bounded weights little is left, however many points lie
    there; where the proposal has lost a mode the bound is 1, be it one point of
    thousands.

    Args:
        trails: log w along chains that leave the model invariant, `(draws, chains)`; a point that
            did not move is a trail of one draw. A chain that came to where w is not a number, or
            0, is not heard.
        proposal_weights: log w at independent draws of the proposal, `(n,)`.
        log_z: the estimate of log Z that is questioned.

    Returns:
        For each chain the share of Z that may lie there unseen, from 0 to 1, `(chains,)`.
    """
    n = len(proposal_weights)
    weights = proposal_weights.double().sort(descending=True).values
    trails = trails.double()
    lowest = trails.amin(0)
    heard = ~trails.isnan().any(0) & (lowest > -torch.inf)
    lowest = torch.where(heard, lowest, torch.full_like(lowest, torch.inf))
    beyond = torch.searchsorted(-weights, -lowest, right=True)
    most = torch.from_numpy(chi2.ppf(0.95, 2 * (beyond.cpu().numpy() + 1))).to(weights) / (2 * n)
    # Relative to Z; logs of the harmonic mean along the chain and of what the draws account for.
    inverse = (log_z - trails).logsumexp(0) - math.log(len(trails))
    running = torch.cat([weights.new_zeros(1), (weights - log_z).exp().cumsum(0) / n])
    allowed = most * (-inverse).clamp(max=700.0).exp()
    accounted = running[beyond]
    told = (beyond > FEW) | (allowed <= 2 * accounted)
    shares = (allowed - accounted).clamp(0, 1).masked_fill(told, 0.0)
    return torch.where(heard, shares, torch.zeros_like(shares))

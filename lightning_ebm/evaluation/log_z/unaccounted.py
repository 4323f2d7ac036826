"""How much of Z may lie where chains of the model are and no draw of the proposal is.

Importance sampling, reverse importance sampling and the bridge between them all forget what the
proposal never reaches, and their errors do not know. Chains that stay in such a place do.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LEVELS = (0.0, 0.25, 0.5, 0.75)
"""Quantiles of the weights along a chain at which its region is cut off."""


def unaccounted_shares(trails: Tensor, proposal_weights: Tensor, log_z: float) -> Tensor:
    """Bound, chain by chain, what of Z lies where the chain stays and no draw tells of it.

    Let A be where the chain stays, p the model, and R the part of A where the weight w = p̃/q is
    above some level, in which the chain spends a share f of its time. If k of n draws of the
    proposal have such weights, q(R) is at most Q = χ²(.95; 2k + 2)/2n with 95 % confidence, which
    is 3/n for k = 0 (Hanley and Lippman-Hand 1983). And q(R) = p(R) E[Z/w | R], whose mean is that
    along the chain. So p(A) = p(R)/f is at most Q / (f E[Z/w | R]). Those k draws account for the
    mean of their weights, and where that is half of the bound or more, for all. Of several levels
    the one that leaves least counts. With bounded weights little is left, however many points lie
    there; where the proposal has lost a mode the bound is 1, be it one point of thousands.

    Args:
        trails: log w along chains that leave the model invariant, `(draws, chains)`; a point that
            did not move is a trail of one draw. A chain that came to where w is not a number, or
            0, is not heard.
        proposal_weights: log w at independent draws of the proposal, `(n,)`.
        log_z: the estimate of log Z that is questioned.

    Returns:
        For each chain the share of Z that may lie there unseen, from 0 to 1, `(chains,)`.
    """
    weights = proposal_weights.double().sort(descending=True).values
    heard = ~trails.isnan().any(0) & (trails > -torch.inf).all(0)
    ordered = trails.double().masked_fill(~heard, 0.0).sort(dim=0).values
    cuts = sorted({int(level * len(ordered)) for level in LEVELS})
    left = torch.stack([_left(ordered[cut:], len(ordered), weights, log_z) for cut in cuts])
    return left.amin(0).masked_fill(~heard, 0.0)


def _left(part: Tensor, whole: int, weights: Tensor, log_z: float) -> Tensor:
    """What the draws do not account for, R being where w is at least the first of `part`."""
    from scipy.stats import chi2

    n = len(weights)
    beyond = torch.searchsorted(-weights, -part[0], right=True)
    most = torch.from_numpy(chi2.ppf(0.95, 2 * (beyond.cpu().numpy() + 1))).to(weights) / (2 * n)
    # Relative to Z; the log of the harmonic mean over the part, for all of the chain's time.
    inverse = (log_z - part).logsumexp(0) - math.log(len(part))
    allowed = most * (-inverse).clamp(max=700.0).exp() * whole / len(part)
    running = torch.cat([weights.new_zeros(1), (weights - log_z).exp().cumsum(0) / n])
    accounted = running[beyond]
    told = allowed <= 2 * accounted
    return (allowed - accounted).clamp(0, 1).masked_fill(told, 0.0)

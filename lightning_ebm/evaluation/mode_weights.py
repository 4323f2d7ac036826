"""Weights of modes: of a sample, of weighted draws, and how far they are from the truth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_ebm.evaluation.log_z.estimate import fit_tail
from lightning_ebm.metrics.known_density import KnownDensity


def mode_weights(x: Tensor, density: KnownDensity) -> Tensor:
    """Share of the points `(n, *event)` in each mode, `(K,)`, by mean responsibility."""
    return density.responsibilities(x).mean(0)


def weighted_mode_weights(log_weights: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of modes by importance sampling, with standard errors.

    With shares w̄ ∝ w that sum to one: m = Σ w̄ᵢ rᵢ, and its variance Σ w̄ᵢ² (rᵢ - m)². Where too
    much of all weight lies in a tail without a mean, errors are infinite, which is unknown.

    Args:
        log_weights: log w of independent draws, `(n,)`.
        members: r, how far each draw belongs to each mode, `(n, K)`.

    Returns:
        Weights and standard errors, `(K,)` each.

    Source: Owen 2013, Monte Carlo theory, methods and examples, section 9.2.
    """
    shares, members = log_weights.softmax(0), members.to(log_weights.dtype)
    weights = shares @ members
    errors = (shares.square() @ (members - weights).square()).sqrt()
    unknown = fit_tail(shares).too_heavy
    return weights, torch.full_like(errors, torch.inf) if unknown else errors


def total_variation(weights: Tensor, truth: Tensor) -> Tensor:
    """Half the sum of absolute differences of two vectors of weights."""
    return (weights - truth.to(weights)).abs().sum() / 2


def mode_crossings(points: Sequence[Tensor], density: KnownDensity) -> int:
    """How often chains were in another mode than one draw before, summed over chains.

    Args:
        points: the chains at each draw, `(n, *event)`, in the same order every time.
        density: knows the modes; a chain is in the one of largest responsibility.
    """
    modes = torch.stack([density.responsibilities(x).argmax(1) for x in points])
    return int((modes[1:] != modes[:-1]).sum())

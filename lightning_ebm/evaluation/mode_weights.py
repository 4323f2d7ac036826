"""Weights of modes: of a sample, and how far they are from the truth."""

from __future__ import annotations

from torch import Tensor

from lightning_ebm.evaluation.known_density import KnownDensity


def mode_weights(x: Tensor, density: KnownDensity) -> Tensor:
    """Share of the points `(n, *event)` in each mode, `(K,)`, by mean responsibility."""
    return density.responsibilities(x).mean(0)


def total_variation(weights: Tensor, truth: Tensor) -> Tensor:
    """Half the sum of absolute differences of two vectors of weights."""
    return (weights - truth.to(weights)).abs().sum() / 2

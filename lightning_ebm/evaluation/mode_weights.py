"""Weights of modes: of a sample, and how far they are from the truth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_ebm.evaluation.known_density import KnownDensity


def mode_weights(x: Tensor, density: KnownDensity) -> Tensor:
    """Share of the points `(n, *event)` in each mode, `(K,)`, by mean responsibility."""
    return density.responsibilities(x).mean(0)


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

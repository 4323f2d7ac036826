"""Distances of two samples: sliced Wasserstein and maximum mean discrepancy."""

from __future__ import annotations

import torch
from torch import Tensor


def sliced_wasserstein(x: Tensor, y: Tensor, n_projections: int = 100) -> Tensor:
    """Mean over random directions of the 1-Wasserstein distance of both projections.

    In one dimension that distance is ∫|F⁻¹(u) - G⁻¹(u)| du, taken here on a grid of u as fine as
    the smaller sample.

    Args:
        x: points `(n, *event)`.
        y: points `(m, *event)`.
        n_projections: directions, drawn from the global generator.

    Source: Bonneel, Rabin, Peyré and Pfister 2015, section 2.
    """
    x, y = x.flatten(1).double(), y.flatten(1).double()
    directions = torch.randn(x.shape[1], n_projections, dtype=x.dtype).to(x.device)
    directions = directions / directions.norm(dim=0)
    size = min(len(x), len(y))
    levels = (torch.arange(size, device=x.device) + 0.5) / size
    return (_quantiles(x @ directions, levels) - _quantiles(y @ directions, levels)).abs().mean()


def maximum_mean_discrepancy(x: Tensor, y: Tensor, bandwidth: float | None = None) -> Tensor:
    """Unbiased MMD² with a Gaussian kernel exp(-|a - b|² / 2h²); below 0 by chance alone.

    Args:
        x: points `(n, *event)`.
        y: points `(m, *event)`.
        bandwidth: h; by default the median distance within y, so that distances of several
            samples from one y compare.

    Source: Gretton et al. 2012, JMLR 13, eq. 3.
    """
    x, y = x.flatten(1).double(), y.flatten(1).double()
    within_x, within_y = (torch.cdist(a, a).square() for a in (x, y))
    off_diagonal = ~torch.eye(len(y), dtype=torch.bool, device=y.device)
    h = bandwidth**2 if bandwidth is not None else within_y[off_diagonal].median()

    def kernel(squared: Tensor) -> Tensor:
        return (-squared / (2 * h)).exp()

    def mean_of_pairs(squared: Tensor) -> Tensor:
        n = len(squared)
        return (kernel(squared).sum() - n) / (n * (n - 1))

    between = kernel(torch.cdist(x, y).square()).mean()
    return mean_of_pairs(within_x) + mean_of_pairs(within_y) - 2 * between


def _quantiles(projections: Tensor, levels: Tensor) -> Tensor:
    """Values `(levels, projections)` of the empirical quantile functions."""
    ordered = projections.sort(dim=0).values
    places = (levels * len(ordered)).long().clamp(max=len(ordered) - 1)
    return ordered[places]

"""How much of Z lies in the region that a chain stays in, from its own states."""

from __future__ import annotations

import math

import torch
from torch import Tensor

WANDERS = 1.3
"""R-hat of the quarters of one chain above which it has not been through its region."""
SHORTEST = 8
"""States of a chain of which quarters can be compared."""
NARROWED = 0.8
"""Factor on the deviations of the Gaussian: within the region, where the chain has states."""


def local_log_masses(points: Tensor, log_prob: Tensor) -> Tensor:
    """The log of ∫_R p̃ from above, R the region that each chain stays in, `(chains,)`.

    Reverse importance sampling within R: with g a density on R, 1/∫_R p̃ is the mean of g/p̃ along
    a chain. g is a Gaussian fitted to every other state, and the mean is over the others, less
    two standard errors, doubled since states of a chain depend on each other. In many dimensions,
    or where R is no ellipsoid, the estimate is far too high, never too low but by chance. It is
    infinite for a chain that does not move, or whose quarters differ, so that it has not been
    through its region: split R-hat of some coordinate above 1.3, or too few states to tell.

    Args:
        points: states of chains that leave the model invariant, `(draws, chains, *event)`.
        log_prob: log p̃ there, `(draws, chains)`.

    Source: Gelfand and Dey 1994, J. R. Stat. Soc. B 56(3), eq. 27.
    """
    if len(points) < SHORTEST:
        return log_prob.new_full(log_prob.shape[1:], torch.inf, dtype=torch.float64)
    x = points.flatten(2).double()
    fitted, judged = x[::2], x[1::2]
    log_g = _log_gaussian(fitted, judged)
    log_ratio = log_g - log_prob[1::2].double()
    n = len(log_ratio)
    mean = log_ratio.logsumexp(0) - math.log(n)
    error = (log_ratio - mean).exp().std(0) / math.sqrt(n)
    least = 1 - 4 * error
    unknown = log_g.isnan().any(0) | mean.isnan() | ~(least > 0) | _wanders(x)
    return torch.where(unknown, torch.inf, -mean - least.clamp(min=1e-9).log())


def _wanders(x: Tensor) -> Tensor:
    """Which chains `(n, chains, d)` have some coordinate whose quarters do not agree."""
    quarters = torch.stack(x[: len(x) // 4 * 4].chunk(4))
    length = quarters.shape[1]
    within, between = quarters.var(1).mean(0), quarters.mean(1).var(0)
    ratio = (length - 1) / length + between / within
    return ~(ratio.sqrt() <= WANDERS).all(1)


def _log_gaussian(fitted: Tensor, judged: Tensor) -> Tensor:
    """Log-density at `judged (m, chains, d)` of Gaussians fitted to `fitted (n, chains, d)`."""
    n, d = len(fitted), fitted.shape[2]
    mean = fitted.mean(0)
    centred = fitted - mean
    variances = centred.square().sum(0) / max(n - 1, 1)
    if n < 2 * d + 2:
        covariance = torch.diag_embed(variances)
    else:
        covariance = torch.einsum("nci,ncj->cij", centred, centred) / (n - 1)
    root, failed = torch.linalg.cholesky_ex(NARROWED**2 * covariance)
    offsets = (judged - mean).permute(1, 2, 0)
    white = torch.linalg.solve_triangular(root, offsets, upper=False).square().sum(1).T
    log_scale = root.diagonal(dim1=1, dim2=2).log().sum(1) + d / 2 * math.log(2 * math.pi)
    return torch.where(failed == 0, -white / 2 - log_scale, torch.nan)

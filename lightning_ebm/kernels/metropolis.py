"""The Metropolis-Hastings decision, shared by every kernel that makes one."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, choose
from lightning_ebm.kernels.kernel import Info


def metropolis_hastings(
    current: Chain, proposed: Chain, log_ratio: Tensor, *, move: str
) -> tuple[Chain, Info]:
    """Accept each proposal with probability min(1, exp(log_ratio)), else stay.

    A proposal where a density, a score or the ratio is not finite is rejected and counted. A ratio
    of +∞, which a chain at a point of no density has, accepts.

    Args:
        current: where the chains are.
        proposed: where they might go, with its log-densities.
        log_ratio: log of the Hastings ratio, `(n,)`.
        move: "local" or "global", under which the acceptance is reported.
    """
    usable, probability = acceptance(proposed, log_ratio)
    accepted = torch.rand_like(probability) < probability
    info = {
        f"acceptance_{move}": probability.mean(),
        "non_finite": (~usable).to(log_ratio.dtype).mean(),
    }
    return choose(accepted, proposed, current), info


def acceptance(proposed: Chain, log_ratio: Tensor) -> tuple[Tensor, Tensor]:
    """Which proposals are usable, and the probability of accepting each, `(n,)` both."""
    usable = proposed.finite() & ~log_ratio.isnan()
    probability = torch.where(usable, log_ratio.clamp(max=0).exp(), torch.zeros_like(log_ratio))
    return usable, probability

"""The Metropolis-Hastings decision, shared by every kernel that makes one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, choose
from lightning_ebm.kernels.kernel import Info, share_of


class Decision(NamedTuple):
    """What became of n proposals.

    Attributes:
        chain: where the chains are now.
        accepted: which proposals were, `(n,)` bool.
        probability: of accepting each, `(n,)`.
        usable: which could be judged, all of their numbers being finite, `(n,)` bool.
    """

    chain: Chain
    accepted: Tensor
    probability: Tensor
    usable: Tensor

    def info(self, move: str) -> Info:
        """Mean acceptance, under "local" or "global", and the share of unusable proposals."""
        return {
            f"acceptance_{move}": self.probability.mean(),
            "non_finite": share_of(~self.usable, self.probability),
        }


def decide(current: Chain, proposed: Chain, log_ratio: Tensor) -> Decision:
    """Accept each proposal with probability min(1, exp(log_ratio)), else stay.

    A proposal where a density, a score or the ratio is not finite is rejected and counted. A ratio
    of +∞, which a chain at a point of no density has, accepts.

    Args:
        current: where the chains are.
        proposed: where they might go, with its log-densities.
        log_ratio: log of the Hastings ratio, `(n,)`.
    """
    usable, probability = acceptance(proposed, log_ratio)
    accepted = torch.rand_like(probability) < probability
    return Decision(choose(accepted, proposed, current), accepted, probability, usable)


def metropolis_hastings(
    current: Chain, proposed: Chain, log_ratio: Tensor, *, move: str
) -> tuple[Chain, Info]:
    """`decide`, with what is reported of it under "local" or "global"."""
    decision = decide(current, proposed, log_ratio)
    return decision.chain, decision.info(move)


def weigh(log_ratio: Tensor, judged: Tensor) -> Tensor:
    """The probability min(1, exp(log_ratio)) of accepting each of n proposals.

    It is NaN, which no random number is below, where a proposal cannot be judged.

    Args:
        log_ratio: log of the Hastings ratio, `(n,)`.
        judged: numbers that are finite only where all that is known of a proposal is, `(n,)`.
    """
    return log_ratio.clamp(max=0).add_(judged - judged).exp_()


def acceptance(proposed: Chain, log_ratio: Tensor) -> tuple[Tensor, Tensor]:
    """Which proposals are usable, and the probability of accepting each, `(n,)` both."""
    usable = proposed.finite() & ~log_ratio.isnan()
    return usable, torch.where(usable, log_ratio.clamp(max=0).exp(), 0.0)

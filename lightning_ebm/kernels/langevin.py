"""The Langevin proposal: ULA goes wherever it leads, and MALA corrects it by a ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, scored, squared_norm
from lightning_ebm.kernels.step_size import Scales
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem


def langevin_proposal(chain: Chain, scales: Scales) -> Tensor:
    """Draw x' = x + γ ∇log p(x) + √(2γ) ξ with ξ ~ N(0, I); γ one number, or one per chain."""
    noise = torch.randn_like(chain.x)
    return chain.x.add(scales.drift * needed(chain.score)).add_(noise.mul_(scales.noise))


def langevin_distance(to: Tensor, start: Chain, scales: Scales) -> Tensor:
    """How far `to` is from where `start` drifts, |to - x - γ∇log p(x)|²/4γ, `(n,)`.

    Without what depends on γ alone it is minus the log-density of proposing `to`.
    """
    offset = (to - start.x).sub_(scales.drift * needed(start.score))
    return squared_norm(offset).div_(scales.four)


def adjusted_proposal(
    problem: Problem, chain: Chain, scales: Scales
) -> tuple[Chain, Tensor, Tensor]:
    """Propose by Langevin, with the log of the Hastings ratio `(n,)`.

    log a = log p(y) - log p(x) + log q(x | y) - log q(y | x), with the Langevin density q.

    Returns:
        The proposals y, log a, and log p(y) + log q(x | y), to which all adds that is known of y.
    """
    proposed = scored(problem, langevin_proposal(chain, scales))
    back = langevin_distance(chain.x, proposed, scales)
    there = langevin_distance(proposed.x, chain, scales)
    log_prob = needed(proposed.log_prob)
    log_ratio = (log_prob - needed(chain.log_prob)).sub_(back).add_(there)
    return proposed, log_ratio, log_prob - back

"""The Langevin proposal: what ULA makes its move by, and the ratio by which MALA corrects it."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, per_point, squared_norm, with_score
from lightning_ebm.problem import Problem


def langevin_proposal(chain: Chain, step_size: Tensor) -> Tensor:
    """Draw x' = x + γ ∇log p(x) + √(2γ) ξ with ξ ~ N(0, I); γ one number, or one per chain."""
    noise = torch.randn_like(chain.x)
    step_size = along(step_size, chain.x)
    return chain.x + step_size * chain.score + (2 * step_size).sqrt() * noise


def langevin_log_density(to: Tensor, start: Chain, step_size: Tensor) -> Tensor:
    """Log-density of proposing `to` from `start`, without what depends on γ alone.

    -|to - x - γ∇log p(x)|²/4γ, `(n,)`; γ is one number, or one per chain.
    """
    offset = to - start.x - along(step_size, to) * start.score
    return -squared_norm(offset) / (4 * step_size)


def adjusted_proposal(problem: Problem, chain: Chain, step_size: Tensor) -> tuple[Chain, Tensor]:
    """Propose by Langevin, with the log of the Hastings ratio `(n,)`.

    log a = log p(y) - log p(x) + log q(x | y) - log q(y | x), with the Langevin density q.
    """
    proposed = with_score(problem, Chain(langevin_proposal(chain, step_size)))
    log_ratio = (
        proposed.log_prob
        - chain.log_prob
        + langevin_log_density(chain.x, proposed, step_size)
        - langevin_log_density(proposed.x, chain, step_size)
    )
    return proposed, log_ratio


def along(step_size: Tensor, x: Tensor) -> Tensor:
    """Step sizes, one number or one per chain, so that they broadcast over `x (n, *event)`."""
    return step_size if step_size.dim() == 0 else per_point(step_size, x)

"""The Langevin proposal: what ULA makes its move by and MALA corrects."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, squared_norm


def langevin_proposal(chain: Chain, step_size: Tensor) -> Tensor:
    """Draw x' = x + γ ∇log p(x) + √(2γ) ξ with ξ ~ N(0, I)."""
    noise = torch.randn_like(chain.x)
    return chain.x + step_size * chain.score + (2 * step_size).sqrt() * noise


def langevin_log_density(to: Tensor, start: Chain, step_size: Tensor) -> Tensor:
    """Log-density of proposing `to` from `start`, up to a constant: -|to - x - γ∇log p(x)|²/4γ."""
    return -squared_norm(to - start.x - step_size * start.score) / (4 * step_size)

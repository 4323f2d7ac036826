"""Gradient ascent: Langevin without its noise, as some papers' released code has it."""

from __future__ import annotations

from torch import Tensor

from lightning_ebm.chain import Chain
from lightning_ebm.kernels.step_size import Scales
from lightning_ebm.kernels.unadjusted import UnadjustedKernel
from lightning_ebm.needed import needed
from lightning_ebm.ranges import require_positive


class GradientAscent(UnadjustedKernel):
    """x' = x + clamp(γ ∇log p(x), ±limit): it seeks modes and samples nothing.

    Chains whose new density or score is not finite stay.

    Args:
        step_size: γ, in squared units of x.
        limit: the largest move of a coordinate in one step; None for no limit.

    Source: the released code of Xie et al. 2022 (CoopFlow), where Langevin's noise is left out.
    """

    def __init__(self, step_size: float = 0.01, limit: float | None = None) -> None:
        super().__init__(step_size)
        self.limit = require_positive("limit", limit, null="none")

    def move(self, chain: Chain, scales: Scales) -> Tensor:
        """Uphill, no coordinate further than the limit."""
        move = scales.drift * needed(chain.score)
        if self.limit is not None:
            move = move.clamp(-self.limit, self.limit)
        return chain.x + move

"""Gradient ascent: Langevin without its noise, as some papers' released code has it."""

from __future__ import annotations

from lightning_ebm.chain import Chain, Knowing, with_density, with_score
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.kernels.langevin import along, unadjusted, with_drift
from lightning_ebm.kernels.step_size import StepSize
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_positive


class GradientAscent(Kernel):
    """x' = x + clamp(γ ∇log p(x), ±limit): it seeks modes and samples nothing.

    Args:
        step_size: γ, in squared units of x.
        limit: the largest move of a coordinate in one step; None for no limit.

    Source: the released code of Xie et al. 2022 (CoopFlow), where Langevin's noise is left out.
    """

    exact = False

    def __init__(self, step_size: float = 0.01, limit: float | None = None) -> None:
        super().__init__()
        require_positive("limit", limit, null="none")
        self.step_size = StepSize(step_size)
        self.limit = limit

    def prepare(self, problem: Problem, chain: Chain) -> Chain:
        """Log-density and score."""
        return with_score(problem, chain)

    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One step uphill; chains whose new density or score is not finite stay."""
        return self._step(problem, chain, with_score)

    def last_step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One step uphill; the score where it leads is not computed, and not tested."""
        return self._step(problem, chain, with_density)

    def _step(self, problem: Problem, chain: Chain, known: Knowing) -> tuple[Chain, Info]:
        chain, step_size = with_drift(problem, chain), self.step_size(chain.x)
        move = along(step_size, chain.x) * needed(chain.score)
        if self.limit is not None:
            move = move.clamp(-self.limit, self.limit)
        return unadjusted(chain, known(problem, Chain(chain.x + move)), step_size)

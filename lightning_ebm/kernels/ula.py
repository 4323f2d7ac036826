"""ULA: the unadjusted Langevin algorithm."""

from __future__ import annotations

from lightning_ebm.chain import Chain, Knowing, with_density, with_score
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.kernels.langevin import langevin_proposal, unadjusted, with_drift
from lightning_ebm.kernels.step_size import StepSize
from lightning_ebm.problem import Problem


class ULA(Kernel):
    """Unadjusted Langevin: x' = x + γ ∇log p(x) + √(2γ) ξ, never rejected, hence biased.

    On N(0, 1) its stationary variance is 1/(1 - γ/2), not 1. Noise and step are tied, so it
    samples at temperature 1; a temperature is the model's affair (`model.temperature`).

    Args:
        step_size: γ, in squared units of x.

    Source: Roberts and Tweedie 1996, section 1.4.1.
    """

    exact = False

    def __init__(self, step_size: float = 0.01) -> None:
        super().__init__()
        self.step_size = StepSize(step_size)

    def prepare(self, problem: Problem, chain: Chain) -> Chain:
        """Log-density and score."""
        return with_score(problem, chain)

    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One Langevin step; chains whose new density or score is not finite stay."""
        return self._step(problem, chain, with_score)

    def last_step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One Langevin step; the score where it leads is not computed, and not tested."""
        return self._step(problem, chain, with_density)

    def _step(self, problem: Problem, chain: Chain, known: Knowing) -> tuple[Chain, Info]:
        chain, step_size = with_drift(problem, chain), self.step_size(chain.x)
        proposed = known(problem, Chain(langevin_proposal(chain, step_size)))
        return unadjusted(chain, proposed, step_size)

"""ULA: the unadjusted Langevin algorithm."""

from __future__ import annotations

from lightning_ebm.chain import Chain, choose, with_score
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.kernels.langevin import langevin_proposal
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
        chain = with_score(problem, chain)
        step_size = self.step_size(chain.x)
        proposed = with_score(problem, Chain(langevin_proposal(chain, step_size)))
        finite = proposed.finite()
        info = {
            "non_finite": (~finite).to(chain.x).mean(),
            "step_size": self.step_size.typical(chain.x),
        }
        return choose(finite, proposed, chain), info

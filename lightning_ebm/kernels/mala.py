"""MALA: the Metropolis-adjusted Langevin algorithm."""

from __future__ import annotations

from lightning_ebm.chain import Chain, with_score
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.kernels.langevin import adjusted_proposal
from lightning_ebm.kernels.metropolis import decide
from lightning_ebm.kernels.step_size import StepSize
from lightning_ebm.problem import Problem


class MALA(Kernel):
    """A Langevin proposal accepted by Metropolis-Hastings; one new gradient per step.

    log a = log p(y) - log p(x) + log q(x | y) - log q(y | x), with the Langevin density q.

    Args:
        step_size: γ of the proposal, in squared units of x; where adaptation begins.
        target_acceptance: acceptance that γ is adapted to while training, .574 being optimal for
            products in high dimension (Roberts and Rosenthal 1998); None keeps γ fixed.

    Source: Roberts and Tweedie 1996, section 1.4.2.
    """

    exact = True

    def __init__(self, step_size: float = 0.01, target_acceptance: float | None = None) -> None:
        super().__init__()
        self.step_size = StepSize(step_size, target_acceptance)

    def prepare(self, problem: Problem, chain: Chain) -> Chain:
        """Log-density and score."""
        return with_score(problem, chain)

    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One proposal and its decision."""
        chain = with_score(problem, chain)
        step_size = self.step_size(chain.x)
        proposed, log_ratio = adjusted_proposal(problem, chain, step_size)
        decision = decide(chain, proposed, log_ratio)
        self.step_size.adapt(decision.probability)
        return decision.chain, decision.info("local") | {
            "step_size": self.step_size.typical(step_size)
        }

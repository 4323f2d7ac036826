"""MALA: the Metropolis-adjusted Langevin algorithm."""

from __future__ import annotations

from torch import Tensor

from lightning_ebm.chain import Chain
from lightning_ebm.kernels.adjusted import AdjustedKernel
from lightning_ebm.kernels.langevin import adjusted_proposal
from lightning_ebm.kernels.metropolis import weigh
from lightning_ebm.kernels.step_size import Scales
from lightning_ebm.problem import Problem


class MALA(AdjustedKernel):
    """A Langevin proposal accepted by Metropolis-Hastings; one new gradient per step.

    log a = log p(y) - log p(x) + log q(x | y) - log q(y | x), with the Langevin density q.

    Args:
        step_size: γ of the proposal, in squared units of x; where adaptation begins.
        target_acceptance: acceptance that γ is adapted to while training, .574 being optimal for
            products in high dimension (Roberts and Rosenthal 1998); None keeps γ fixed.

    Source: Roberts and Tweedie 1996, section 1.4.2.
    """

    def __init__(self, step_size: float = 0.01, target_acceptance: float | None = None) -> None:
        super().__init__(step_size, target_acceptance)

    def propose(self, problem: Problem, chain: Chain, scales: Scales) -> tuple[Chain, Tensor]:
        """One Langevin proposal per chain."""
        proposed, log_ratio, judged = adjusted_proposal(problem, chain, scales)
        return proposed, weigh(log_ratio, judged)

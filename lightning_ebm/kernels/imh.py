"""IMH: independent Metropolis-Hastings with the flow's draws as proposals."""

from __future__ import annotations

import torch

from lightning_ebm.chain import Chain, with_density
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.kernels.metropolis import metropolis_hastings
from lightning_ebm.problem import Problem


class IMH(Kernel):
    """Propose y ~ q whatever the state, accept with min(1, w(y)/w(x)), w = p/q.

    The proposals' log q comes from the direction in which they were made, the states' from one
    inversion of the same weights. A state whose weight is not a number has weight 0.

    Source: Tierney 1994, section 2.3.3; with flows, Gabrié et al. 2022, algorithm 1.
    """

    exact = True

    @torch.no_grad()
    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One independent proposal per chain and its decision."""
        chain = with_density(problem, chain)
        y, log_q_y = problem.proposal.sample(len(chain.x))
        proposed = with_density(problem, Chain(y))
        held = chain.log_prob - problem.proposal.log_prob(chain.x)
        held = torch.where(held.isnan(), torch.full_like(held, -torch.inf), held)
        log_ratio = (proposed.log_prob - log_q_y) - held
        return metropolis_hastings(chain, proposed, log_ratio, move="global")

"""IMH: independent Metropolis-Hastings with the flow's draws as proposals."""

from __future__ import annotations

import torch

from lightning_ebm.chain import Chain
from lightning_ebm.kernels.independent import (
    fresh_proposals,
    log_weight,
    log_weight_held,
    weighed,
)
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.kernels.metropolis import metropolis_hastings
from lightning_ebm.problem import Problem


class IMH(Kernel):
    """Propose y ~ q whatever the state, accept with min(1, w(y)/w(x)), w = p/q.

    A proposal's log q comes from the direction in which it was made, and stays with it once it is
    accepted; that of a state that came otherwise from one inversion of the same weights. A state
    whose weight is not a number has weight 0.

    Source: Tierney 1994, section 2.3.3; with flows, Gabrié et al. 2022, algorithm 1.
    """

    exact = True

    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One independent proposal per chain and its decision."""
        chain, (info,) = self.run(problem, chain, 1, last=False)
        return chain, info

    @torch.no_grad()
    def run(
        self, problem: Problem, chain: Chain, n_steps: int, *, last: bool = True
    ) -> tuple[Chain, list[Info]]:
        """So many decisions, on proposals that are made in one batch."""
        chain, infos = weighed(problem, chain), []
        for proposed in fresh_proposals(problem, len(chain.x), n_steps):
            log_ratio = log_weight(proposed) - log_weight_held(chain)
            chain, info = metropolis_hastings(chain, proposed, log_ratio, move="global")
            infos.append(info)
        return chain, infos

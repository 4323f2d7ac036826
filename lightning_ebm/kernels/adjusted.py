"""Kernels that propose with a step size that may adapt, and accept by Metropolis-Hastings."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, choose, with_score
from lightning_ebm.kernels.kernel import Info, share_of
from lightning_ebm.kernels.step_size import Following, Scales, StepSize
from lightning_ebm.kernels.stretch import StretchKernel
from lightning_ebm.problem import Problem


class AdjustedKernel(StretchKernel):
    """A kernel that follows scores, each of whose proposals is accepted or not.

    To implement one: write `propose`.

    Args:
        step_size: γ, in squared units of x; where adaptation begins.
        target_acceptance: acceptance that γ is adapted to while training; None keeps γ fixed.
    """

    exact = True

    def __init__(self, step_size: float, target_acceptance: float | None) -> None:
        super().__init__()
        self.step_size = StepSize(step_size, target_acceptance)

    @abstractmethod
    def propose(self, problem: Problem, chain: Chain, scales: Scales) -> tuple[Chain, Tensor]:
        """Proposals of chains that know their score, and the probabilities of accepting them.

        These are `(n,)`, as `weigh` gives them: NaN where a proposal cannot be judged.
        """

    def prepare(self, problem: Problem, chain: Chain) -> Chain:
        """Log-density and score."""
        return with_score(problem, chain)

    def stretch(
        self, problem: Problem, chain: Chain, n_steps: int, *, last: bool
    ) -> tuple[Chain, Info]:
        """So many proposals and their decisions; what became of them is counted at the end."""
        chain = with_score(problem, chain)
        sizes, probabilities = Following(self.step_size, chain.x), []
        for _ in range(n_steps):
            proposed, probability = self.propose(problem, chain, sizes.now())
            chain = choose(torch.rand_like(probability) < probability, proposed, chain)
            probabilities.append(probability)
            sizes.learn(probability)
        judged = probabilities[0] if n_steps == 1 else torch.cat(probabilities)
        return chain, {
            "acceptance_local": judged.nan_to_num(0.0).mean(),
            "non_finite": share_of(judged.isnan(), judged),
            "step_size": sizes.end(),
        }

"""i-SIR: iterated sampling importance resampling with the flow's draws as candidates."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, choose, taken
from lightning_ebm.kernels.independent import (
    fresh_proposals,
    log_weight,
    log_weight_held,
    weighed,
)
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_count

MOST_PROPOSALS = 100_000
"""Proposals per chain that fit any memory."""


class ISIR(Kernel):
    """Put N fresh draws of q beside the state, and pick one of the N + 1 by its weight w = p/q.

    Exact for every N. The acceptance it reports is the probability of leaving the state. A
    candidate whose weight is not finite has weight 0 and is counted.

    Args:
        n_proposals: N, fresh draws per chain and step.

    Source: Andrieu, Lee and Vihola 2018, section 1; with flows, Samsonov et al. 2022, algorithm 1.
    """

    exact = True

    def __init__(self, n_proposals: int = 4) -> None:
        super().__init__()
        self.n_proposals = require_count("n_proposals", n_proposals, most=MOST_PROPOSALS)

    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One resampling of every chain among its state and its candidates."""
        chain, (info,) = self.run(problem, chain, 1, last=False)
        return chain, info

    @torch.no_grad()
    def run(
        self, problem: Problem, chain: Chain, n_steps: int, *, last: bool = True
    ) -> tuple[Chain, list[Info]]:
        """So many resamplings, among candidates that are made in one batch."""
        chain, infos = weighed(problem, chain), []
        n_candidates = len(chain.x) * self.n_proposals
        for candidates in fresh_proposals(problem, n_candidates, n_steps):
            held, offered = log_weight_held(chain), log_weight(candidates)
            chain, info = resample(chain, held, candidates, offered)
            infos.append(info)
        return chain, infos


def resample(
    chain: Chain, held: Tensor, candidates: Chain, log_weights: Tensor
) -> tuple[Chain, Info]:
    """Pick, chain by chain, the state or one of its candidates with chances as their weights.

    A state of infinite weight is kept, and so is one where no weight is finite, since there is
    nothing to choose from.

    Args:
        chain: where the n chains are.
        held: log-weights of these states, `(n,)`.
        candidates: N candidates of each chain, those of one chain in a row, `(n N, *event)`.
        log_weights: theirs, `(n N,)`.
    """
    n = len(held)
    fresh = _finite_or_zero_weight(log_weights).view(n, -1)
    held = torch.where(held.isnan(), torch.full_like(held, -torch.inf), held)[:, None]
    nothing = (held == -torch.inf) & (fresh == -torch.inf).all(1, keepdim=True)
    kept = (held == torch.inf) | nothing
    held = torch.where(kept, torch.zeros_like(held), held)
    chances = torch.where(kept, torch.full_like(fresh, -torch.inf), fresh)
    probabilities = torch.cat([held, chances], dim=1).softmax(1)
    choice = probabilities.multinomial(1).squeeze(1)
    first = torch.arange(n, device=held.device) * fresh.shape[1]
    picked = first + (choice - 1).clamp(min=0)
    info = {
        "acceptance_global": 1 - probabilities[:, 0].mean(),
        "non_finite": (fresh == -torch.inf).to(fresh.dtype).mean(),
    }
    return choose(choice > 0, taken(candidates, picked), chain), info


def _finite_or_zero_weight(log_weight: Tensor) -> Tensor:
    return torch.where(log_weight.isfinite(), log_weight, torch.full_like(log_weight, -torch.inf))

"""Proposals that do not depend on the state, and the weight p/q by which they are judged."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, taken, with_density, with_log_proposal
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem

TOGETHER = 4096
"""Points that are proposed at once, where several steps are to be made: more are no faster."""


def fresh_proposals(problem: Problem, n: int, n_steps: int) -> Iterator[Chain]:
    """For each of so many steps n draws of the proposal q, with their log p and log q.

    Nothing of them depends on where chains are: those of several steps are made in one batch.
    """
    while n_steps:
        # One step is the same for any number of chains, so that it is compiled once.
        count = 1 if n_steps == 1 else min(n_steps, max(1, TOGETHER // n))
        x, log_q = problem.needed_proposal.sample(count * n)
        made = with_density(problem, Chain(x, log_proposal=log_q))
        if count == 1:
            yield made
        else:
            for step in range(count):
                yield taken(made, slice(step * n, (step + 1) * n))
        n_steps -= count


def weighed(problem: Problem, chain: Chain) -> Chain:
    """The chain with log p and log q, evaluated only if they were not known.

    Those of a state that was proposed came with it: log q in the direction in which it was made.
    """
    return with_log_proposal(problem, with_density(problem, chain))


def log_weight_held(chain: Chain) -> Tensor:
    """Log w = log p - log q `(n,)` of states; one whose weight is not a number has weight 0."""
    held = log_weight(chain)
    return torch.where(held.isnan(), torch.full_like(held, -torch.inf), held)


def log_weight(chain: Chain) -> Tensor:
    """Log w = log p - log q `(n,)` of states of which both are known."""
    return needed(chain.log_prob) - needed(chain.log_proposal)

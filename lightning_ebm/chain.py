"""The state of Markov chains: where they are, and what is already known about those places."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.problem import Problem


class Chain(NamedTuple):
    """n chains at points `x (n, *event)`, with what was computed there and is still valid.

    Attributes:
        x: the points.
        log_prob: unnormalised log-densities `(n,)`, or None while nobody has asked.
        score: gradients of the log-density `(n, *event)`, or None while nobody has asked.
    """

    x: Tensor
    log_prob: Tensor | None = None
    score: Tensor | None = None

    def finite(self) -> Tensor:
        """Which chains are at points where all that was computed is finite, `(n,)` bool."""
        known = [part for part in self if part is not None]
        return torch.stack(
            [
                part.flatten(1).isfinite().all(1) if part.dim() > 1 else part.isfinite()
                for part in known
            ]
        ).all(0)


def with_density(problem: Problem, chain: Chain) -> Chain:
    """The chain with its log-density, evaluated only if it was not known."""
    if chain.log_prob is not None:
        return chain
    return chain._replace(log_prob=problem.log_prob(chain.x))


def with_score(problem: Problem, chain: Chain) -> Chain:
    """The chain with its log-density and score, evaluated only if they were not known."""
    if chain.score is not None:
        return chain
    log_prob, score = problem.log_prob_and_score(chain.x)
    return chain._replace(log_prob=log_prob, score=score)


def choose(where: Tensor, proposed: Chain, current: Chain) -> Chain:
    """Chain by chain the proposed state where `where (n,)` is true, else the current one.

    What is known of only one of the two is forgotten.
    """
    return Chain(
        *(
            None if new is None or old is None else torch.where(per_point(where, new), new, old)
            for new, old in zip(proposed, current, strict=True)
        )
    )


def put(chain: Chain, rows: Tensor, others: Chain) -> Chain:
    """The chain with other states at some rows `(k,)`; what is known of one part is forgotten."""
    return Chain(
        *(
            None if old is None or new is None else old.index_copy(0, rows, new.to(old))
            for old, new in zip(chain, others, strict=True)
        )
    )


def at_zero_density(chain: Chain) -> Tensor:
    """Which chains stand where the log-density, which must be known, is -∞ or NaN, `(n,)`."""
    return chain.log_prob.isnan() | (chain.log_prob == -torch.inf)


def per_point(values: Tensor, like: Tensor) -> Tensor:
    """Shape `values (n,)` so that they broadcast over `like (n, *event)`."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def squared_norm(x: Tensor) -> Tensor:
    """Squared Euclidean norm of each point, `(n, *event)` to `(n,)`."""
    return x.flatten(1).square().sum(1)

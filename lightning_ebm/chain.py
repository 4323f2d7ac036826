"""The state of Markov chains: where they are, and what is already known about those places."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from lightning_ebm.ends import Ends
from lightning_ebm.needed import needed
from lightning_ebm.problem import Known, Problem

State = TypeVar("State", bound=tuple[Any, ...])
"""A `Chain` or its `Ends`."""


class Chain(NamedTuple):
    """n chains at points `x (n, *event)`, with what was computed there and is still valid.

    Attributes:
        x: the points.
        log_prob: unnormalised log-densities `(n,)`, or None while nobody has asked.
        score: gradients of the log-density `(n, *event)`, or None while nobody has asked.
        ends: where the target lies between two others, what is known of these, or None.
        momentum: of kernels that keep it from step to step, `(n, *event)`, or None.
        threshold: of kernels that keep the number by which they accept, `(n,)`, or None.
        log_proposal: log-densities `(n,)` of the problem's proposal, or None.
    """

    x: Tensor
    log_prob: Tensor | None = None
    score: Tensor | None = None
    ends: Ends | None = None
    momentum: Tensor | None = None
    threshold: Tensor | None = None
    log_proposal: Tensor | None = None

    def finite(self) -> Tensor:
        """Which chains are at points where all that was computed is finite, `(n,)` bool.

        And so is its sum, which is what is tested, once: numbers so large that it overflows are of
        no use either.
        """
        known = [part for part in (*self[:3], *(self.ends or ())) if part is not None]
        wide = [part for part in known if part.dim() > 1]
        numbers = [part for part in known if part.dim() == 1]
        if wide:
            numbers.append(reduce(add, wide).flatten(1).sum(1))
        total: Tensor = reduce(add, numbers)
        return total - total == 0


def with_log_proposal(problem: Problem, chain: Chain) -> Chain:
    """The chain with the proposal's log-density, evaluated only if it was not known."""
    if chain.log_proposal is not None:
        return chain
    return chain._replace(log_proposal=problem.log_proposal(chain.x))


Knowing = Callable[[Problem, Tensor], Chain]
"""What makes chains at points `(n, *event)`: `valued` or `scored`."""


def with_density(problem: Problem, chain: Chain) -> Chain:
    """The chain with its log-density, evaluated only if it was not known."""
    if chain.log_prob is not None:
        return chain
    return _knowing(chain, problem.density_at(chain.x))


def with_score(problem: Problem, chain: Chain) -> Chain:
    """The chain with its log-density and score, evaluated only if they were not known."""
    if chain.score is not None:
        return chain
    return _knowing(chain, problem.score_at(chain.x))


def valued(problem: Problem, x: Tensor) -> Chain:
    """Chains at points `(n, *event)`, with their log-densities."""
    return _knowing(Chain(x), problem.density_at(x))


def scored(problem: Problem, x: Tensor) -> Chain:
    """Chains at points `(n, *event)`, with their log-densities and scores."""
    return _knowing(Chain(x), problem.score_at(x))


def _knowing(chain: Chain, known: Known) -> Chain:
    log_prob, score, ends = known
    return chain._replace(
        log_prob=log_prob, score=score, ends=None if ends is None else Ends(*ends)
    )


def choose(where: Tensor, proposed: Chain, current: Chain) -> Chain:
    """Chain by chain the proposed state where `where (n,)` is true, else the current one.

    What is known of only one of the two is forgotten.
    """
    wide = per_point(where, proposed.x)

    def chosen(new: Tensor, old: Tensor) -> Tensor:
        return torch.where(where if new.dim() == 1 else wide, new, old)

    return _both(chosen, proposed, current)


def put(chain: Chain, rows: Tensor, others: Chain) -> Chain:
    """The chain with other states at some rows `(k,)`; what is known of one part is forgotten."""
    return _both(lambda old, new: old.index_copy(0, rows, new.to(old)), chain, others)


def joined(chain: Chain, others: Chain) -> Chain:
    """The states of both, one after the other; what is known of one part is forgotten."""
    return _both(lambda first, second: torch.cat([first, second]), chain, others)


def taken(state: State, rows: Tensor | slice) -> State:
    """The states at some rows, with all that is known of them."""
    return _both(lambda part, _: part[rows], state, state)


def _both(combine: Callable[[Tensor, Tensor], Tensor], first: State, second: State) -> State:
    parts: list[Any] = []
    for a, b in zip(first, second, strict=True):
        if a is None or b is None:
            parts.append(None)
        elif type(a) is Ends:
            parts.append(_both(combine, a, b))
        else:
            parts.append(combine(a, b))
    return type(first)(*parts)


def at_zero_density(chain: Chain) -> Tensor:
    """Which chains stand where the log-density, which must be known, is -∞ or NaN, `(n,)`."""
    return ~(needed(chain.log_prob) > -torch.inf)


def all_somewhere(chain: Chain) -> bool:
    """Whether no chain stands where the log-density, which must be known, is -∞ or NaN."""
    return needed(chain.log_prob).min().item() > -torch.inf


def per_point(values: Tensor, like: Tensor) -> Tensor:
    """Shape `values (n,)` so that they broadcast over `like (n, *event)`."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def squared_norm(x: Tensor) -> Tensor:
    """Squared Euclidean norm of each point, `(n, *event)` to `(n,)`."""
    return x.flatten(1).square().sum(1)

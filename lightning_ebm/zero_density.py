"""Chains that stand where the density is zero: counted, begun anew, and counted if they stay."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, all_somewhere, at_zero_density, put, with_density
from lightning_ebm.kernels import Info, Kernel
from lightning_ebm.problem import Problem
from lightning_ebm.starts import Start

TRIES = 10


class Begun(NamedTuple):
    """The chains of a draw where they begin, and which were moved there from zero density `(n,)`.

    Attributes:
        chain: the chains, with what the kernel's first step needs.
        moved: those that stood at zero density before, or None where none did.
    """

    chain: Chain
    moved: Tensor | None


def begin_chains(start: Start, kernel: Kernel, problem: Problem, n: int) -> Begun:
    """N chains of a start, those at zero density begun anew: to the target they are nowhere.

    The log-densities that tell are those that the kernel's first step would have computed. Where
    all are finite nothing more is evaluated or drawn.

    Args:
        start: where the chains begin.
        kernel: what they will be moved by.
        problem: in the space of the chains.
        n: number of chains.
    """
    # The energy has changed since the last draw: what was known at these points is not.
    chain = kernel.prepare(problem, Chain(start.begin(problem, n)))
    if all_somewhere(chain):
        return Begun(chain, None)
    moved = nowhere = at_zero_density(chain)
    for _ in range(TRIES):
        rows = nowhere.nonzero().squeeze(1)
        if len(rows) == 0:
            break
        chain = put(chain, rows, kernel.prepare(problem, Chain(start.anew(problem, len(rows)))))
        nowhere = at_zero_density(chain)
    return Begun(chain, moved)


def conduct(problem: Problem, begun: Begun, ended: Chain) -> Info:
    """What chains did over a draw, in shares of them.

    Returns:
        `zero_density`, those that stood at zero density before the draw and were begun anew;
        `zero_density_left`, those that stand there after it, a fault of the draw; and `unmoved`,
        those exactly where they began it.
    """
    ended = with_density(problem, ended)
    shares = {
        "zero_density": begun.moved,
        "zero_density_left": at_zero_density(ended),
        "unmoved": (ended.x == begun.chain.x).flatten(1).all(1),
    }
    return {name: _share(which, ended.x) for name, which in shares.items()}


def _share(which: Tensor | None, x: Tensor) -> Tensor:
    if which is None:
        return x.new_zeros(())
    return torch.count_nonzero(which).to(x.dtype) / len(x)

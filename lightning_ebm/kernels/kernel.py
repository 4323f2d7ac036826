"""The contract of a kernel: one Markov transition of many chains at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_ebm.chain import Chain, with_density
from lightning_ebm.problem import Problem

Info = dict[str, Tensor]
"""What happened in a transition, each a number (0-d tensor): `acceptance_local` or
`acceptance_global`, `non_finite` (share of proposals rejected for a non-finite density or score),
`step_size`. A kernel reports what it computed and nothing else."""


class Kernel(nn.Module, ABC):
    """One Markov transition.

    To implement one: set `exact`, and write `step`; and `prepare`, if it needs scores; and
    `last_step`, if it computes what only a next step uses; and `run`, if several steps have a part
    that can be computed for all at once. Use `with_density` and `with_score` of
    `lightning_ebm.chain`, so that nothing is evaluated twice. A kernel that learns anything keeps
    it by `get_extra_state` / `set_extra_state`, and learns only while `self.training` is true: a
    kernel in eval mode is one fixed transition.

    Attributes:
        exact: whether the transition leaves the target invariant.
    """

    exact: bool

    def __init_subclass__(cls, **kwargs: object) -> None:
        """A class with a step of its own does not inherit what goes with another's."""
        super().__init_subclass__(**kwargs)
        for name, others in (("last_step", ("step",)), ("run", ("step", "last_step"))):
            if name not in cls.__dict__ and any(other in cls.__dict__ for other in others):
                setattr(cls, name, getattr(Kernel, name))

    def prepare(self, problem: Problem, chain: Chain) -> Chain:
        """The chain with what the next `step` needs at its points, its log-density at least.

        What is computed here is not computed again by a step that uses `with_density` or
        `with_score`.
        """
        return with_density(problem, chain)

    @abstractmethod
    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """Move every chain once; the chain returned carries what is known at its points."""

    def last_step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """A step after which no other follows: it need not compute what only a next one uses."""
        return self.step(problem, chain)

    def run(
        self, problem: Problem, chain: Chain, n_steps: int, *, last: bool = True
    ) -> tuple[Chain, list[Info]]:
        """The chain after so many steps, and what happened in each.

        Args:
            problem: what is sampled.
            chain: where it begins.
            n_steps: number of steps, at least 1.
            last: whether no other step follows.
        """
        steps = [self.step] * n_steps
        if last:
            steps[-1] = self.last_step
        infos = []
        for step in steps:
            chain, info = step(problem, chain)
            infos.append(info)
        return chain, infos


def average(infos: Sequence[Info]) -> Info:
    """Mean of each entry over the transitions that reported it."""
    if all(info is infos[0] for info in infos):
        return dict(infos[0])
    keys = dict.fromkeys(key for info in infos for key in info)
    return {key: torch.stack([info[key] for info in infos if key in info]).mean() for key in keys}


def share_of(which: Tensor, like: Tensor) -> Tensor:
    """The share of true entries, a number of the type of `like`."""
    return which.mean(dtype=like.dtype)


def in_a_row(
    kernel: Kernel, problem: Problem, chain: Chain, n_steps: int, *, last: bool = True
) -> tuple[Chain, Info]:
    """The chain after so many steps of a kernel, of which no other follows if `last`."""
    chain, infos = kernel.run(problem, chain, n_steps, last=last)
    return chain, average(infos)

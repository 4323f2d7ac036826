"""Kernels whose steps are made in stretches, where what all steps have in common is done once."""

from __future__ import annotations

from abc import abstractmethod

from lightning_ebm.chain import Chain
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.problem import Problem

LONGEST = 100
"""Steps of a stretch at most: what is kept of each until its end is a few numbers per chain."""


class StretchKernel(Kernel):
    """A kernel that makes many steps for less than that many times one.

    To implement one: write `stretch`. A single step is a stretch of one.
    """

    @abstractmethod
    def stretch(
        self, problem: Problem, chain: Chain, n_steps: int, *, last: bool
    ) -> tuple[Chain, Info]:
        """The chain after so many steps, and what happened in them on average.

        Args:
            problem: what is sampled.
            chain: where it begins.
            n_steps: number of steps, at least 1.
            last: whether no other step follows.
        """

    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """Move every chain once."""
        return self.stretch(problem, chain, 1, last=False)

    def run(
        self, problem: Problem, chain: Chain, n_steps: int, *, last: bool = True
    ) -> tuple[Chain, list[Info]]:
        """The chain after so many steps, and for each what happened in its stretch on average."""
        infos: list[Info] = []
        while len(infos) < n_steps:
            count = min(LONGEST, n_steps - len(infos))
            ends = last and len(infos) + count == n_steps
            chain, info = self.stretch(problem, chain, count, last=ends)
            infos += [info] * count
        return chain, infos

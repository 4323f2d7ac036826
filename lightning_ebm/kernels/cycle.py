"""Cycle: kernels one after the other, each repeated, are a kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import nn

from lightning_ebm.chain import Chain
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels.kernel import Info, Kernel, average
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_count


class Cycle(Kernel):
    """Apply each kernel its number of times, in order; exact if all of them are.

    Args:
        kernels: the kernels, in order.
        repeats: how often each is applied in one transition; once each if None.
    """

    def __init__(self, kernels: list[Kernel], repeats: list[int] | None = None) -> None:
        super().__init__()
        repeats = [1] * len(kernels) if repeats is None else repeats
        if len(repeats) != len(kernels):
            raise SettingError(
                f"repeats is {repeats} for {len(kernels)} kernels: give each kernel one number "
                "of at least 0"
            )
        for count in repeats:
            require_count("repeats", count, least=0)
        if not any(repeats):
            raise SettingError(
                f"repeats is {repeats}, so that no kernel is applied and chains stand still: give "
                "one of the kernels a number of at least 1"
            )
        self.kernels = nn.ModuleList(kernels)
        self.repeats = repeats
        self.exact = all(kernel.exact for kernel in kernels)

    def prepare(self, problem: Problem, chain: Chain) -> Chain:
        """What the first kernel that is applied needs."""
        return self.applied()[0][0].prepare(problem, chain)

    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One round of all kernels."""
        return self._round(problem, chain, last=False)

    def last_step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One round, the last step of whose last kernel is the last."""
        return self._round(problem, chain, last=True)

    def _round(self, problem: Problem, chain: Chain, *, last: bool) -> tuple[Chain, Info]:
        infos: list[Info] = []
        applied = self.applied()
        for place, (kernel, count) in enumerate(applied, start=1):
            ends = last and place == len(applied)
            chain, more = kernel.run(problem, chain, count, last=ends)
            infos += more
        return chain, average(infos)

    def applied(self) -> list[tuple[Kernel, int]]:
        """The kernels that are applied, in order, and how often each is."""
        # torch's list of modules does not say of which.
        kernels = cast("Iterable[Kernel]", self.kernels)
        counted = zip(kernels, self.repeats, strict=True)
        return [(kernel, count) for kernel, count in counted if count]

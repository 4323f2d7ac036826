"""Where chains begin at each draw, and what is kept of where they ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from lightning_ebm.chain import per_point
from lightning_ebm.errors import SettingError
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import is_number, require_count


class Bank(nn.Module):
    """What may keep chains from draw to draw, in plain tensors, each process its own.

    DistributedDataParallel would overwrite buffers with those of rank 0. What is kept is saved by
    `get_extra_state` / `set_extra_state`, and dealt out anew by `deal` when a run is resumed on
    another number of processes.
    """

    def forget(self) -> None:
        """Drop what was kept: the next chains are new ones."""

    def deal(self, states: list[Any], rank: int, world_size: int) -> Any:  # noqa: ANN401
        """The state of process `rank` of `world_size`, out of those of other many processes.

        As it stands each process that was there takes its own, and others begin anew: a bank that
        can join its chains and share them out does so here.

        Args:
            states: what `get_extra_state` of each process gave, in the order of their ranks.
            rank: of a process of the resumed run, from 0.
            world_size: number of these processes.

        Returns:
            What `set_extra_state` is given; None to begin anew.
        """
        return states[rank] if rank < len(states) else None


class Start(Bank, ABC):
    """Where the chains of a draw begin.

    To implement one: write `begin`; if it keeps chains, see `Bank`, write `anew`, `end` and
    `forget` too, and set `continues = True` if all of them go on.

    Attributes:
        continues: whether every chain goes on where it was, so that in the long run it forgets
            where it began. Chains that begin anew never do, however exact the kernel.
    """

    continues: bool = False

    @abstractmethod
    def begin(self, problem: Problem, n: int) -> Tensor:
        """The points `(n, *event)` where n chains begin, in the problem's space."""

    def anew(self, problem: Problem, n: int) -> Tensor:
        """Points `(n, *event)` for chains that cannot go on from where they are.

        What is kept stays as it is; a start that keeps nothing begins them like any other.
        """
        return self.begin(problem, n)

    def end(self, x: Tensor) -> None:
        """Take note of where the chains of the last `begin` ended."""


class Noise(Start):
    """Draws of the problem's reference: a Gaussian fitted to data, or a flow's base."""

    def begin(self, problem: Problem, n: int) -> Tensor:
        """N independent draws."""
        return problem.reference.sample(n)[0]


class FromFlow(Start):
    """Draws of the flow."""

    def begin(self, problem: Problem, n: int) -> Tensor:
        """N independent draws."""
        if problem.proposal is None:
            raise SettingError("chains start from the flow, but there is none: set model.flow")
        return problem.proposal.sample(n)[0]


class FromData(Start):
    """Points of the batch of data, each used again only when all have been used."""

    def begin(self, problem: Problem, n: int) -> Tensor:
        """N points, in random order."""
        if problem.data is None:
            raise SettingError("chains start from data, but this draw has no batch of data")
        m = len(problem.data)
        rows = torch.cat([torch.randperm(m) for _ in range(-(-n // m))])[:n]
        return problem.from_data(problem.data[rows.to(problem.data.device)])


class Persistent(Start):
    """Chains that go on where they were: a bank of states, drawn without replacement.

    Each state drawn is written back to its own place, so that no chain is lost or doubled. With a
    `size` above the number of chains per draw it is the replay buffer of Du and Mordatch 2019.

    Args:
        first: where new chains begin.
        size: number of chains kept; by default as many as the largest draw.
        restart: share of the chains of a draw that begin anew.
    """

    def __init__(
        self, first: Start | None = None, size: int | None = None, restart: float = 0.0
    ) -> None:
        super().__init__()
        require_count("size", size, null="as many as the largest draw")
        if not (is_number(restart) and 0 <= restart <= 1):
            raise SettingError(f"restart is {restart}: a share lies between 0 and 1")
        self.first = Noise() if first is None else first
        self.size = size
        self.restart = restart
        self.continues = restart == 0
        self.bank: Tensor | None = None
        self.places: Tensor | None = None

    def begin(self, problem: Problem, n: int) -> Tensor:
        """N different chains of the bank, a random share of them restarted."""
        bank = self._filled(problem, max(n, self.size or 0))
        # A draw of all chains keeps their order, so that each can be followed from draw to draw.
        everyone = n == len(bank)
        places = torch.arange(n) if everyone else torch.randperm(len(bank))[:n]
        self.places = places.to(bank.device)
        x = bank[self.places]
        if self.restart:
            anew = torch.rand(n, device=x.device) < self.restart
            x = torch.where(per_point(anew, x), self.first.begin(problem, n), x)
        return x

    def anew(self, problem: Problem, n: int) -> Tensor:
        """N new chains, as those that the bank was filled with."""
        return self.first.anew(problem, n)

    def end(self, x: Tensor) -> None:
        """Write the chains back to their own places."""
        needed(self.bank)[needed(self.places)] = x.detach()

    def forget(self) -> None:
        """Empty the bank."""
        self.bank = None

    def get_extra_state(self) -> dict[str, Tensor | None]:
        """What a checkpoint keeps."""
        return {"bank": self.bank if self.bank is None else self.bank.clone()}

    def set_extra_state(self, state: dict[str, Tensor | None]) -> None:
        """Take up what a checkpoint kept."""
        self.bank = state["bank"] if state["bank"] is None else state["bank"].clone()

    def deal(
        self, states: list[dict[str, Tensor | None]], rank: int, world_size: int
    ) -> dict[str, Tensor | None] | None:
        """A share of all chains."""
        banks = [state["bank"] for state in states if state["bank"] is not None]
        if not banks:
            return None
        mine = dealt(torch.cat(banks), rank, world_size)
        return {"bank": mine} if len(mine) else None

    def _filled(self, problem: Problem, size: int) -> Tensor:
        bank = self.bank
        missing = size if bank is None else size - len(bank)
        if bank is None or missing > 0:
            more = self.first.begin(problem, missing).detach()
            self.bank = bank = more if bank is None else torch.cat([bank, more])
        return bank

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002
        if self.bank is not None:
            self.bank = fn(self.bank)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call] # torch's has no types
        return self


def dealt(chains: Tensor, rank: int, world_size: int) -> Tensor:
    """The chains `(n, ...)` that are a process's, when they are shared out evenly."""
    return chains[rank::world_size].clone()

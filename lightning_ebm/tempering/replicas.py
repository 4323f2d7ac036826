"""What is kept of the chains of a ladder from draw to draw: n columns of a chain per rung."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypedDict

import torch
from torch import Tensor

from lightning_ebm.chain import Chain
from lightning_ebm.needed import needed
from lightning_ebm.starts import Bank, dealt

State = dict[str, Tensor]
"""`x`, `born` and `arrived`, and what else a kernel keeps of a state; `(n, K-1, ...)` each."""


class Kept(TypedDict):
    """What a checkpoint keeps: the columns, if there are any, and the rounds so far."""

    bank: State | None
    rounds: int


class Replicas(Bank):
    """A bank of columns, each a ladder of its own with a state at every rung but the lowest.

    Columns are independent of each other. Of a state, `born` is the round in which it was a draw
    of the reference, `arrived` whether it has been at β = 1 since.

    Attributes:
        rounds: rounds so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bank: State | None = None
        self.places: Tensor | None = None
        self.rounds = 0

    def begin(self, draw: Callable[[int], Tensor], n: int, n_moving: int) -> State:
        """N columns of `n_moving` rungs each, new ones filled with draws of the reference.

        Where the ladder has more rungs than before, a new rung begins at the states of one nearby.

        Args:
            draw: gives that many draws of the reference, `(n, *event)`.
            n: columns; of a larger bank different ones, at random.
            n_moving: rungs above the lowest.
        """
        if self.bank is not None:
            self.bank = _on_rungs(self.bank, n_moving)
        missing = n - (0 if self.bank is None else len(self.bank["x"]))
        if missing > 0:
            self._add(draw(missing * n_moving).unflatten(0, (missing, n_moving)))
        bank = needed(self.bank)
        everyone = n == len(bank["x"])
        places = torch.arange(n) if everyone else torch.randperm(len(bank["x"]))[:n]
        self.places = places = places.to(bank["x"].device)
        return {name: part[places] for name, part in bank.items()}

    def end(self, columns: State) -> None:
        """Write the columns back to their own places."""
        bank, places = needed(self.bank), needed(self.places)
        whole = len(columns["x"]) == len(bank["x"])
        for name, part in columns.items():
            if whole:
                bank[name] = part.detach()
            elif name in bank:
                bank[name] = bank[name].index_copy(0, places, part.detach())

    def forget(self) -> None:
        """Empty the bank."""
        self.bank, self.rounds = None, 0

    def get_extra_state(self) -> Kept:
        """What a checkpoint keeps."""
        bank = None if self.bank is None else {k: v.clone() for k, v in self.bank.items()}
        return {"bank": bank, "rounds": self.rounds}

    def set_extra_state(self, state: Kept) -> None:
        """Take up what a checkpoint kept."""
        bank = state["bank"]
        self.bank = None if bank is None else {k: v.clone() for k, v in bank.items()}
        self.rounds = state["rounds"]

    def deal(
        self, states: list[dict[str, Any]], rank: int, world_size: int
    ) -> dict[str, Any] | None:
        """A share of all columns, on the ladder of one process and as old as they were."""
        rounds = states[rank % len(states)]["rounds"]
        full = [state for state in states if state["bank"] is not None]
        if not full:
            return None
        n_moving = full[rank % len(full)]["bank"]["x"].shape[1]
        banks = [_on_rungs(state["bank"], n_moving) for state in full]
        banks = [
            bank | {"born": bank["born"] + rounds - state["rounds"]}
            for bank, state in zip(banks, full, strict=True)
        ]
        # What a kernel did not keep of all columns it draws anew for all.
        kept = [name for name in banks[0] if all(name in bank for bank in banks)]
        mine = {
            name: dealt(torch.cat([bank[name] for bank in banks]), rank, world_size)
            for name in kept
        }
        return {"bank": mine, "rounds": rounds} if len(mine["x"]) else None

    def _add(self, x: Tensor) -> None:
        more = {
            "x": x.detach(),
            "born": torch.full(x.shape[:2], self.rounds, device=x.device),
            "arrived": torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device),
        }
        if self.bank is None:
            self.bank = more
            return
        # What a kernel kept of the old columns it draws anew for all.
        self.bank = {name: torch.cat([self.bank[name], part]) for name, part in more.items()}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002
        if self.bank is not None:
            self.bank = {name: fn(part) for name, part in self.bank.items()}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call] # torch's has no types
        return self


def _on_rungs(columns: State, n_moving: int) -> State:
    had = columns["x"].shape[1]
    if had == n_moving:
        return columns
    nearest = torch.linspace(0, had - 1, n_moving).round().long()
    return {name: part[:, nearest] for name, part in columns.items()}


def as_chain(columns: State) -> Chain:
    """The states of all rungs as one chain, rung after rung, `((K-1) n, *event)`."""
    flat = {name: part.transpose(0, 1).flatten(0, 1) for name, part in columns.items()}
    return Chain(flat["x"], momentum=flat.get("momentum"), threshold=flat.get("threshold"))


def as_columns(chain: Chain, born: Tensor, arrived: Tensor) -> State:
    """The reverse; `born` and `arrived` are `(K-1, n)`."""
    parts = {"x": chain.x, "momentum": chain.momentum, "threshold": chain.threshold}
    n_moving = len(born)
    kept = {
        name: part.unflatten(0, (n_moving, -1)).transpose(0, 1)
        for name, part in parts.items()
        if part is not None
    }
    return kept | {"born": born.T, "arrived": arrived.T}

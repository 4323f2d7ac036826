"""What several processes have drawn, put together so that it is measured as one.

Every process ends with the same evidence and the same random state. With one process nothing
is moved or seeded.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_ebm import processes
from lightning_ebm.kernels import Info, average
from lightning_ebm.random_state import random_state, set_random_state
from lightning_ebm.sampler import Sampler
from lightning_ebm.starts import Bank
from lightning_ebm.tempering import LadderRecord, beside


@dataclass(frozen=True)
class Found:
    """Held-out data, and what was drawn to be measured.

    Attributes:
        data: points `(m, *event)`.
        draws: the chains at each draw, `(chains, *event)` each.
        info: what happened while they were drawn, averaged.
        evaluations: how often the model was evaluated for them.
        climbed: what the rungs of a sampler that tempers did, if it does.
    """

    data: Tensor
    draws: list[Tensor]
    info: Info
    evaluations: int
    climbed: LadderRecord | None


def found_by_all(mine: Found) -> Found:
    """What all processes found, chains side by side; all go on with the same random numbers."""
    if processes.count() == 1:
        return mine
    device = mine.data.device
    # A record of a ladder is no container whose tensors would be found.
    ladder = None if mine.climbed is None else vars(mine.climbed)
    everyone = processes.gathered(vars(mine) | {"climbed": ladder})
    set_random_state(processes.of_first(random_state()))
    climbed = None
    if ladder is not None:
        climbed = beside([_record(one["climbed"], ladder) for one in everyone])
    return Found(
        data=torch.cat([one["data"] for one in everyone]).to(device),
        draws=[
            torch.cat(xs).to(device) for xs in zip(*(o["draws"] for o in everyone), strict=True)
        ],
        info={k: v.to(device) for k, v in average([one["info"] for one in everyone]).items()},
        evaluations=sum(one["evaluations"] for one in everyone),
        climbed=climbed,
    )


def chains_of_all(values: Tensor) -> Tensor:
    """Numbers `(draws, chains)` of the chains of all processes, side by side."""
    return torch.cat([part.to(values.device) for part in processes.gathered(values)], 1)


@contextmanager
def of_one_kernel(sampler: Sampler) -> Iterator[None]:
    """Have every process move its chains by what process 0 has adapted, and put that back.

    Chains of different step sizes and ladders would be draws of different kernels.
    """
    if processes.count() == 1:
        yield
        return
    kept = copy.deepcopy(sampler.state_dict())
    adapted = [
        part
        for part in sampler.modules()
        if not isinstance(part, (Bank, Sampler)) and _keeps_state(part)
    ]
    first = processes.of_first([part.get_extra_state() for part in adapted])
    try:
        for part, state in zip(adapted, first, strict=True):
            part.set_extra_state(copy.deepcopy(state))
        yield
    finally:
        sampler.load_state_dict(kept)


def _keeps_state(part: torch.nn.Module) -> bool:
    return type(part).get_extra_state is not torch.nn.Module.get_extra_state


def _record(parts: dict[str, Tensor], like: dict[str, Tensor]) -> LadderRecord:
    return LadderRecord(**{name: part.to(like[name].device) for name, part in parts.items()})

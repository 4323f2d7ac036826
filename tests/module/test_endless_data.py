"""Passes without end go on where they stood, whoever else draws random numbers meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from lightning_ebm.module.endless_data import EndlessData
from lightning_ebm.random_state import random_state, set_random_state


def one_pass() -> Iterator[Tensor]:
    """Four batches in random order, each with noise of its own."""
    for index in torch.randperm(4):
        yield index + torch.rand(2)


def learned(batches: Iterator[Tensor], n: int) -> list[Tensor]:
    """The next batches, each with a random number of whoever learns from it, as dropout draws."""
    return [torch.cat([x, torch.rand(1)]) for x in islice(batches, n)]


def test_they_go_on_with_the_batches_and_the_generators_of_an_unbroken_run():
    torch.manual_seed(0)
    straight = learned(iter(EndlessData(one_pass)), 11)

    torch.manual_seed(0)
    stopped = EndlessData(one_pass)
    before = learned(iter(stopped), 6)
    data, generators = stopped.state_dict(), random_state()
    torch.manual_seed(1)
    set_random_state(generators)
    after = learned(iter(EndlessData(one_pass, data)), 5)
    assert torch.equal(torch.stack(straight), torch.stack(before + after))

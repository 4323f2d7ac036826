"""Chains on other many processes than before: dealt out, none lost or doubled, and said once."""

from __future__ import annotations

import re
import warnings

import pytest
import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from lightning_ebm.module.process_state import KEY, pack, unpack
from lightning_ebm.registry import find
from lightning_ebm.sampler import Draw, Sampler
from lightning_ebm.starts import Bank, Persistent
from lightning_ebm.tempering.replicas import Replicas


class OwnBank(Bank):
    """A plug-in's, that does not say how to deal."""

    def __init__(self):
        super().__init__()
        self.kept = None

    def get_extra_state(self):
        return {"kept": self.kept}

    def set_extra_state(self, state):
        self.kept = state["kept"]


class OwnSampler(Sampler):
    """A plug-in's, with chains of its own and in a part."""

    def __init__(self, bank: nn.Module | None = None):
        super().__init__()
        self.bank = OwnBank() if bank is None else bank
        self.x = None

    def sample(self, problem, n):
        return Draw(self.x, {})

    def get_extra_state(self):
        return {"x": self.x}

    def set_extra_state(self, state):
        self.x = state["x"]


def written(samplers) -> dict:
    """A checkpoint of as many processes as there are samplers."""
    checkpoints = [{"state_dict": {}} for _ in samplers]
    for checkpoint, sampler in zip(checkpoints, samplers, strict=True):
        pack(checkpoint, sampler, {"random": {"torch": torch.get_rng_state()}})
    parts = [checkpoint[KEY]["processes"][0] for checkpoint in checkpoints]
    return checkpoints[0][KEY] | {"processes": parts}


def taken_up(saved: dict, make, world_size: int):
    """The sampler of each process, the random states, and what each said."""
    found = []
    for rank in range(world_size):
        sampler, checkpoint = make(), {"state_dict": {}, KEY: saved}
        rank_zero_only.rank, before = rank, rank_zero_only.rank
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            state = unpack(checkpoint, sampler, rank, world_size)
        rank_zero_only.rank = before
        own = {k.removeprefix("sampler."): v for k, v in checkpoint["state_dict"].items()}
        sampler.load_state_dict(own)
        found.append((sampler, "random" in state, [str(w.message) for w in said]))
    return tuple(zip(*found, strict=True))


@pytest.mark.parametrize(("before", "after"), [(1, 2), (4, 1), (2, 3), (3, 2), (2, 2), (1, 1)])
def test_all_chains_are_dealt_out_and_rank_0_says_so_once(before, after):
    samplers = [find("mala")() for _ in range(before)]
    for rank, sampler in enumerate(samplers):
        sampler.start.bank = (100 * rank + torch.arange(7.0))[:, None]
    dealt, known, said = taken_up(written(samplers), find("mala"), after)
    banks = [sampler.start.bank for sampler in dealt]
    chains = torch.cat([sampler.start.bank for sampler in samplers])
    assert torch.equal(torch.cat(banks).sort(0).values, chains.sort(0).values)
    assert max(map(len, banks)) - min(map(len, banks)) <= 1
    assert list(known) == [rank < before for rank in range(after)]
    assert [len(lines) for lines in said] == [int(before != after)] + [0] * (after - 1)
    if before == after:
        assert all(torch.equal(a, s.start.bank) for a, s in zip(banks, samplers, strict=True))


def test_columns_of_a_ladder_are_dealt_out_whole_and_as_old_as_they_were():
    states = []
    for rank, (rounds, n_moving) in enumerate([(10, 3), (20, 5)]):
        rungs = torch.arange(float(n_moving))[None, :, None]
        x = torch.full((4, n_moving, 2), 10.0 * rank) + rungs
        born = torch.full((4, n_moving), rounds - 2 - rank)
        bank = {"x": x, "born": born, "arrived": torch.zeros(4, n_moving, dtype=torch.bool)}
        states.append({"bank": bank, "rounds": rounds})
    dealt = [Replicas().deal(states, rank, 3) for rank in range(3)]
    assert sum(len(state["bank"]["x"]) for state in dealt) == 8
    for state in dealt:
        sizes = {part.shape[:2] for part in state["bank"].values()}
        assert len(sizes) == 1
        ages = state["rounds"] - state["bank"]["born"][:, 0]
        assert torch.equal(ages, 2 + state["bank"]["x"][:, 0, 0].long() // 10)
        # The lowest and the highest rung are those that they were.
        assert set(state["bank"]["x"][:, -1, 0].tolist()) <= {2.0, 14.0}


@pytest.mark.parametrize(
    ("before", "after", "kept", "lines"),
    [
        (2, 3, [0.0, 1.0, None], ["are dealt out to 3"]),
        (3, 2, [0.0, 1.0], ["are dealt out to 2", r"processes 2 to 2 are lost .*OwnBank"]),
    ],
)
def test_a_plug_in_that_does_not_deal_keeps_its_own_and_losses_are_said(
    before, after, kept, lines
):
    samplers = [OwnSampler() for _ in range(before)]
    for rank, sampler in enumerate(samplers):
        sampler.x = sampler.bank.kept = torch.tensor([float(rank)])
    dealt, _, said = taken_up(written(samplers), OwnSampler, after)
    for attribute in ([s.x for s in dealt], [s.bank.kept for s in dealt]):
        assert [None if value is None else value.item() for value in attribute] == kept
    assert len(said[0]) == len(lines)
    assert not any(said[1:])
    for line, pattern in zip(said[0], lines, strict=True):
        assert re.search(pattern, line)


def test_what_a_part_kept_that_is_another_now_is_given_up_and_said():
    sampler = OwnSampler(Persistent())
    sampler.bank.bank = torch.zeros(3, 2)
    sampler.x = torch.ones(1)
    dealt, _, said = taken_up(written([sampler]), OwnSampler, 1)
    assert dealt[0].bank.kept is None
    assert torch.equal(dealt[0].x, sampler.x)
    assert len(said[0]) == 1
    assert "sampler.bank" in said[0][0]

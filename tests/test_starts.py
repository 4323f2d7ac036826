"""Where chains begin, and that persistent ones are neither lost, doubled nor mixed up."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from targets import StandardNormal
from torch import Tensor

from lightning_ebm import Problem
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import MALA
from lightning_ebm.sampler import MCMC
from lightning_ebm.starts import FromData, FromFlow, Noise, Persistent, Start


class Numbered(Start):
    """Every new chain gets the next number as its only coordinate."""

    def __init__(self) -> None:
        super().__init__()
        self.next = 0

    def begin(self, problem: Problem, n: int) -> Tensor:
        self.next += n
        return torch.arange(self.next - n, self.next, dtype=torch.float64)[:, None]


PROBLEM = StandardNormal((1,)).problem()


def test_chains_of_one_draw_are_different_chains():
    torch.manual_seed(1)
    start = Persistent(Numbered(), size=50)
    for _ in range(20):
        x = start.begin(PROBLEM, 40)
        assert len(x.unique()) == 40
        start.end(x)


def test_ten_thousand_chains_stay_ten_thousand_after_a_thousand_draws():
    torch.manual_seed(2)
    start, visits = Persistent(Numbered(), size=10_000), torch.zeros(10_000)
    for _ in range(1000):
        x = start.begin(PROBLEM, 1000)
        visits[x[:, 0].long() % 10_000] += 1
        # A step that keeps the tag: the number modulo 10,000 tells whose chain it is.
        start.end(x + 10_000)
    tags = start.bank[:, 0].long()
    assert torch.equal(tags % 10_000, torch.arange(10_000))
    assert torch.equal((tags // 10_000).float(), visits)
    # Each chain is drawn Binomial(1000, .1) times, sd 9.5: 6 sd either way over 10,000 chains,
    # p = 2e-5 altogether.
    assert (visits - 100).abs().max() < 6 * math.sqrt(1000 * 0.1 * 0.9)


def test_a_replay_buffer_of_ten_thousand_keeps_them_distinct_under_restarts_and_moves():
    torch.manual_seed(6)
    sampler = MCMC(Persistent(Noise(), size=10_000, restart=0.05), MALA(0.5), n_steps=2)
    for _ in range(1000):
        x = sampler(PROBLEM, 256).x
    bank = sampler.start.bank
    assert len(bank.unique(dim=0)) == len(bank) == 10_000
    assert abs(x.mean()) < 0.3


def test_part_of_the_bank_is_drawn_at_random_and_all_of_it_in_order():
    torch.manual_seed(3)
    start = Persistent(Numbered(), size=100)
    assert not torch.equal(start.begin(PROBLEM, 50), start.begin(PROBLEM, 50))
    assert torch.equal(start.begin(PROBLEM, 100), start.bank)


def test_a_draw_is_not_written_into_the_bank_before_its_end():
    start = Persistent(Numbered(), size=10)
    x = start.begin(PROBLEM, 10)
    x += 100
    assert start.bank.max() < 10


@pytest.mark.parametrize("restart", [0.0, 0.2, 1.0])
def test_the_share_asked_for_begins_anew(restart):
    torch.manual_seed(4)
    start = Persistent(Numbered(), size=1000, restart=restart)
    anew = 0
    for _ in range(20):
        known = start.bank
        x = start.begin(PROBLEM, 500)
        anew += (~torch.isin(x, start.bank if known is None else known)).sum().item()
        start.end(x)
    # 10,000 decisions; 4.5 binomial standard errors, p = 7e-6.
    assert abs(anew / 10_000 - restart) <= 4.5 * math.sqrt(restart * (1 - restart) / 10_000)


def test_a_larger_draw_adds_chains_and_keeps_the_old_ones():
    torch.manual_seed(5)
    start = Persistent(Numbered())
    start.end(start.begin(PROBLEM, 4) + 100)
    assert start.begin(PROBLEM, 6).shape == (6, 1)
    assert sorted(start.bank[:, 0].tolist()) == [4, 5, 100, 101, 102, 103]
    assert start.begin(PROBLEM, 3).shape == (3, 1)
    assert len(start.bank) == 6


def test_a_bank_is_never_smaller_than_its_size():
    start = Persistent(Numbered(), size=30)
    start.begin(PROBLEM, 4)
    assert len(start.bank) == 30


def test_forgotten_chains_begin_anew():
    start = Persistent(Numbered(), size=5)
    start.end(start.begin(PROBLEM, 5))
    start.forget()
    assert sorted(start.begin(PROBLEM, 5)[:, 0].tolist()) == [5, 6, 7, 8, 9]


def test_chains_round_trip_through_a_checkpoint():
    torch.manual_seed(6)
    start = Persistent(Numbered(), size=7)
    start.end(start.begin(PROBLEM, 7) + 0.5)
    saved = start.state_dict()
    kept = start.bank.clone()
    start.end(start.begin(PROBLEM, 7) + 1)
    other = Persistent(Numbered(), size=7)
    other.load_state_dict(saved)
    assert torch.equal(other.bank, kept)
    other.end(other.begin(PROBLEM, 7) + 1)
    assert torch.equal(saved["_extra_state"]["bank"], kept)


def test_an_empty_bank_round_trips_too():
    start = Persistent(Numbered(), size=7)
    start.begin(PROBLEM, 7)
    start.load_state_dict(Persistent(Numbered()).state_dict())
    assert start.bank is None


def test_chains_are_no_buffers_but_change_type_with_the_module():
    start = Persistent(Numbered(), size=3)
    start.begin(PROBLEM, 3)
    assert list(start.buffers()) == []
    assert start.float().bank.dtype == torch.float32


def test_chains_kept_carry_no_graph():
    start = Persistent(Numbered(), size=3)
    x = start.begin(PROBLEM, 3).requires_grad_()
    start.end(x * 2)
    assert not start.bank.requires_grad


def test_new_chains_carry_no_graph_either():
    weight = torch.ones(1, requires_grad=True)
    reference = Constant(1.0)
    reference.sample = lambda n: (weight.expand(n, 1), torch.zeros(n))
    start = Persistent()
    start.begin(replace(PROBLEM, reference=reference), 3)
    assert not start.bank.requires_grad


@pytest.mark.parametrize("settings", [{"size": 0}, {"restart": -0.1}, {"restart": 1.1}])
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        Persistent(**settings)


def data_problem(m: int) -> Problem:
    return replace(PROBLEM, data=torch.arange(m, dtype=torch.float64)[:, None])


def test_points_of_data_are_each_used_before_any_is_used_again():
    torch.manual_seed(7)
    counts = FromData().begin(data_problem(10), 34)[:, 0].long().bincount(minlength=10)
    assert counts.sum() == 34
    assert set(counts.tolist()) == {3, 4}


def test_fewer_points_than_data_are_a_random_choice():
    torch.manual_seed(8)
    draws = [FromData().begin(data_problem(10), 5)[:, 0] for _ in range(50)]
    assert all(len(draw.unique()) == 5 for draw in draws)
    assert len(torch.cat(draws).unique()) == 10


def test_points_of_data_are_brought_into_the_problems_space():
    problem = replace(data_problem(4), from_data=lambda x: -x)
    assert sorted(FromData().begin(problem, 4)[:, 0].tolist()) == [-3, -2, -1, 0]


def test_without_data_there_is_a_sentence():
    with pytest.raises(SettingError, match="no batch of data"):
        FromData().begin(PROBLEM, 3)


class Constant:
    """A distribution of one point."""

    def __init__(self, value: float) -> None:
        self.value = value

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        return torch.full((n, 1), self.value), torch.zeros(n)


def test_noise_is_of_the_reference_and_flow_draws_are_of_the_proposal():
    problem = replace(PROBLEM, reference=Constant(1.0), proposal=Constant(2.0))
    assert Noise().begin(problem, 3).tolist() == [[1.0]] * 3
    assert FromFlow().begin(problem, 3).tolist() == [[2.0]] * 3


def test_without_a_flow_there_is_a_sentence():
    with pytest.raises(SettingError, match=r"set model\.flow"):
        FromFlow().begin(replace(PROBLEM, proposal=None), 3)


@pytest.mark.parametrize(
    ("start", "exact"),
    [
        (Persistent(), True),
        (Persistent(FromData(), size=100), True),
        (Persistent(restart=0.05), False),
        (FromFlow(), False),
        (FromData(), False),
        (Noise(), False),
    ],
)
def test_only_chains_that_go_on_are_exact(start, exact):
    assert MCMC(start, MALA(), 1).exact == exact

"""Swaps: their stationary law, their order, and what cannot be swapped."""

import math

import pytest
import torch

from lightning_ebm.tempering import exchange


def test_swaps_alone_leave_the_law_of_every_rung_as_it_is():
    """V ~ N(β, 1) at rung β is the law ∝ exp(βV) N(V; 0, 1); mean within 4.5 standard errors."""
    torch.manual_seed(1)
    betas, n = torch.tensor([0.0, 0.2, 0.7, 1.0], dtype=torch.float64), 100_000
    v = betas[:, None] + torch.randn(4, n, dtype=torch.float64)
    swaps = exchange(v, betas, n_sweeps=5)
    after = v.gather(0, swaps.order)
    assert ((after.mean(1) - betas).abs() * math.sqrt(n) < 4.5).all()
    assert ((after.var(1) - 1).abs() * math.sqrt(n / 2) < 4.5).all()
    assert (swaps.order != torch.arange(4)[:, None]).double().mean() > 0.3


def test_a_sweep_proposes_pairs_of_one_parity():
    torch.manual_seed(1)
    betas, v = torch.linspace(0, 1, 5), torch.zeros(5, 100)
    even, odd = exchange(v, betas, 1, first=0), exchange(v, betas, 1, first=1)
    assert even.order[:, 0].tolist() == [1, 0, 3, 2, 4]
    assert odd.order[:, 0].tolist() == [0, 2, 1, 4, 3]
    assert even.rejections.isnan().tolist() == [False, True, False, True]


def test_without_rejection_a_state_goes_up_the_whole_ladder_within_as_many_sweeps():
    swaps = exchange(torch.zeros(6, 3), torch.linspace(0, 1, 6), n_sweeps=5)
    assert 0 in swaps.order[-1].tolist()


@pytest.mark.parametrize("v", [math.nan, -math.inf, math.inf])
def test_a_state_whose_weight_is_not_finite_does_not_go_up_and_gives_way(v):
    betas = torch.tensor([0.0, 1.0])
    assert exchange(torch.tensor([[v], [0.0]]), betas, 1).order[0, 0] == 0
    assert exchange(torch.tensor([[0.0], [v]]), betas, 1).order[0, 0] == 1
    assert exchange(torch.tensor([[v], [v]]), betas, 1).order[0, 0] == 0


def test_a_rejection_is_that_of_the_formula():
    weights = torch.tensor([[-2.0], [0.0]])
    rejection = exchange(weights, torch.tensor([0.0, 0.5]), 1).rejections
    assert torch.allclose(rejection, torch.tensor([1 - math.exp(-1.0)]))

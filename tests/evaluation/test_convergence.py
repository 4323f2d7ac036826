"""Diagnostics of chains whose answer is known."""

import pytest
import torch

from lightning_ebm.evaluation.convergence import Convergence, convergence, worst


def autoregressive(rho, draws, chains):
    x = torch.randn(chains, dtype=torch.float64)
    rows = [x]
    for _ in range(draws - 1):
        x = rho * x + (1 - rho**2) ** 0.5 * torch.randn(chains, dtype=torch.float64)
        rows.append(x)
    return torch.stack(rows)


def test_independent_draws_agree_and_count_fully():
    torch.manual_seed(0)
    found = convergence(autoregressive(0.0, 500, 8))
    assert found.r_hat == pytest.approx(1, abs=0.005)
    assert found.ess_bulk == pytest.approx(4000, rel=0.15)


def test_correlated_draws_count_as_theory_says():
    torch.manual_seed(0)
    found = convergence(autoregressive(0.8, 4000, 8))
    assert found.ess_bulk == pytest.approx(32_000 * (1 - 0.8) / (1 + 0.8), rel=0.15)
    assert found.r_hat < 1.01


def test_stuck_chains_do_not_agree():
    torch.manual_seed(0)
    stuck = torch.tensor([0.0, 5.0]).repeat(100, 4) + 0.1 * torch.randn(100, 8)
    assert convergence(stuck).r_hat > 1.5


NAN = float("nan")


def same(found, expected):
    return found == pytest.approx(expected, nan_ok=True)


def test_a_constant_says_nothing_and_few_draws_are_refused():
    assert same(convergence(torch.ones(10, 4)), (NAN, NAN, NAN))
    with pytest.raises(ValueError, match="3 draws are too few"):
        convergence(torch.randn(3, 4))


def test_chains_that_never_change_are_worth_one_draw_each_and_do_not_agree():
    torch.manual_seed(0)
    frozen = torch.randn(1, 64).double().expand(10, 64)
    one_elsewhere = torch.cat([torch.ones(10, 1), torch.zeros(10, 63)], 1)
    for values in (frozen, one_elsewhere):
        assert convergence(values) == (float("inf"), 64, 64)


def test_the_scale_of_a_quantity_does_not_matter_until_it_rounds_to_a_constant():
    torch.manual_seed(0)
    x = torch.randn(200, 8, dtype=torch.float64)
    assert convergence(1e-30 * x) == pytest.approx(convergence(x))
    assert same(convergence(1 + 1e-30 * x), (NAN, NAN, NAN))


def test_nothing_is_worth_more_draws_than_were_made():
    torch.manual_seed(0)
    alternating = autoregressive(-0.8, 500, 8)
    assert convergence(alternating).ess_bulk == 4000
    rare = (torch.rand(10, 512) < 0.005).double()
    assert convergence(rare).ess_bulk == 5120


def test_the_worst_of_several():
    assert worst([Convergence(1.1, 30, 20), Convergence(1.0, 10, 50)]) == Convergence(1.1, 10, 20)
    some = worst([Convergence(NAN, NAN, 9), Convergence(1.0, 10, 50)])
    assert some == Convergence(1.0, 10, 9)
    none = worst([Convergence(NAN, NAN, 9), Convergence(NAN, 10, 50)])
    assert same(none, (NAN, 10, 9))
    infinite = worst([Convergence(float("inf"), 4, 4), Convergence(NAN, NAN, NAN)])
    assert infinite == (float("inf"), 4, 4)

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
    assert found.rhat == pytest.approx(1, abs=0.005)
    assert found.bulk == pytest.approx(4000, rel=0.15)


def test_correlated_draws_count_as_theory_says():
    torch.manual_seed(0)
    found = convergence(autoregressive(0.8, 4000, 8))
    assert found.bulk == pytest.approx(32_000 * (1 - 0.8) / (1 + 0.8), rel=0.15)
    assert found.rhat < 1.01


def test_stuck_chains_do_not_agree():
    torch.manual_seed(0)
    stuck = torch.tensor([0.0, 5.0]).repeat(100, 4) + 0.1 * torch.randn(100, 8)
    assert convergence(stuck).rhat > 1.5


def test_a_constant_is_no_failure_and_few_draws_are_refused():
    assert convergence(torch.ones(10, 4)) == Convergence(1.0, 40.0, 40.0)
    with pytest.raises(ValueError, match="3 draws are too few"):
        convergence(torch.randn(3, 4))


def test_the_worst_of_several():
    assert worst([Convergence(1.1, 30, 20), Convergence(1.0, 10, 50)]) == Convergence(1.1, 10, 20)
    nan = float("nan")
    assert worst([Convergence(nan, nan, 9), Convergence(1.0, 10, 50)]) == Convergence(1.0, 10, 9)

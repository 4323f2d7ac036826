"""Kernels that are not exact say so, and are off by what theory says."""

import pytest
import torch
from targets import StandardNormal, correlated_gaussian

from lightning_ebm.chain import Chain
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import MALA, ULA, Cycle, GradientAscent, in_a_row


def ends(kernel, problem, x, n_steps):
    chain = Chain(x)
    for _ in range(n_steps):
        chain, _ = kernel.step(problem, chain)
    return chain.x


@pytest.mark.parametrize("step_size", [0.2, 0.5, 1.0])
def test_ulas_variance_on_a_standard_normal_is_that_of_its_step(step_size):
    torch.manual_seed(1)
    x, _ = StandardNormal((4,)).sample(10_000)
    x = ends(ULA(step_size), StandardNormal((4,)).problem(), x, int(20 / step_size))
    expected = 1 / (1 - step_size / 2)
    # 40,000 independent normal numbers: the variance's relative standard error is √(2/40,000).
    standard_error = expected * (2 / x.numel()) ** 0.5
    assert abs(x.square().mean() - expected) < 4.5 * standard_error
    assert abs(x.square().mean() - 1) > 4.5 * standard_error


@pytest.mark.parametrize(
    "kernel", [ULA(0.1), GradientAscent(0.1), Cycle([MALA(0.1), ULA(0.1)], [1, 4])]
)
def test_a_last_step_leads_where_any_does_without_a_gradient(kernel):
    ended, counts = [], []
    for steps in (5, 1):
        problem = StandardNormal((2,)).problem()
        torch.manual_seed(3)
        chain = kernel.prepare(problem, Chain(torch.randn(30, 2)))
        for _ in range(5 // steps):
            chain, _ = (
                in_a_row(kernel, problem, chain, steps)
                if steps > 1
                else kernel.step(problem, chain)
            )
        ended.append(chain.x)
        counts.append((problem.evaluations.densities, problem.evaluations.scores))
    assert torch.equal(*ended)
    assert counts[0] == (counts[1][0], counts[1][1] - 30)


def test_a_step_of_ones_own_is_the_last_too():
    class Still(ULA):
        def step(self, problem, chain):
            return chain, {}

    x = torch.randn(5, 2)
    assert torch.equal(in_a_row(Still(), StandardNormal((2,)).problem(), Chain(x), 1)[0].x, x)


@pytest.mark.parametrize("kernel", [ULA(0.1), Cycle([MALA(0.1), ULA(0.1)])])
@pytest.mark.parametrize("score", [torch.nan, torch.inf])
def test_a_chain_that_ended_where_there_is_no_score_goes_on_by_noise(kernel, score):
    """A last step does not test the score that it leaves to the next draw."""
    problem = StandardNormal((2,)).problem()
    chain = Chain(torch.ones(50, 2), torch.zeros(50), torch.full((50, 2), score))
    moved, _ = kernel.step(problem, kernel.prepare(problem, chain))
    assert (moved.x != 1).all()
    assert moved.score.isfinite().all()


def test_gradient_ascent_goes_to_the_mode():
    torch.manual_seed(2)
    known = correlated_gaussian()
    x, _ = known.sample(100)
    x = ends(GradientAscent(0.15), known.problem(), x, 2000)
    assert torch.allclose(x, known.mean().expand_as(x), atol=1e-8)


def test_gradient_ascent_moves_no_coordinate_by_more_than_its_limit():
    problem = StandardNormal((2,)).problem()
    chain = Chain(torch.tensor([[100.0, -0.01]], dtype=torch.float64))
    chain, _ = GradientAscent(0.5, limit=0.3).step(problem, chain)
    assert torch.allclose(chain.x, torch.tensor([[99.7, -0.005]], dtype=torch.float64))


def test_gradient_ascent_without_limit_takes_the_whole_step():
    problem = StandardNormal((2,)).problem()
    chain = Chain(torch.tensor([[100.0, -0.01]], dtype=torch.float64))
    chain, _ = GradientAscent(0.5).step(problem, chain)
    assert torch.allclose(chain.x, torch.tensor([[50.0, -0.005]], dtype=torch.float64))


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_limit_that_is_not_positive_is_refused(limit):
    with pytest.raises(SettingError, match="limit is"):
        GradientAscent(limit=limit)


def test_they_say_that_they_are_not_exact():
    assert not ULA().exact
    assert not GradientAscent().exact
    assert not Cycle([MALA(), ULA()]).exact
    assert Cycle([MALA(), MALA()]).exact

"""What may lie where no draw of the proposal tells of it, against formulas."""

import math

import pytest
import torch

from lightning_ebm.evaluation.log_z import unaccounted_shares


def shares(trails, proposal, log_z=0.0):
    return unaccounted_shares(torch.as_tensor(trails), torch.as_tensor(proposal), log_z).tolist()


def test_the_rule_of_three_where_no_draw_fell():
    """With weights w/Z along a chain and none of 10,000 draws there: 3/n · w/Z, at most 1."""
    proposal = torch.zeros(10_000)
    (seen,) = shares([[math.log(100.0)]], proposal)
    assert seen == pytest.approx(-math.log(0.05) / 10_000 * 100, rel=1e-6)
    assert shares([[20.0]], proposal) == [1.0]
    # The harmonic mean along the chain counts, so that one odd state does not.
    (seen,) = shares([[math.log(50.0)], [math.log(50.0)], [30.0]], proposal)
    assert seen == pytest.approx(3.0 / 10_000 * 75, rel=0.01)


def test_draws_that_fell_there_account_for_what_they_weigh():
    proposal = torch.zeros(10_000)
    proposal[0] = math.log(200.0)
    (seen,) = shares([[math.log(150.0)]], proposal)
    # With one draw q(R) is at most 4.744/n.
    assert seen == pytest.approx((4.7439 * 150 - 200) / 10_000, rel=1e-4)


def test_where_the_proposal_reaches_nothing_is_unaccounted():
    assert shares([[0.0, -5.0, 0.01]], torch.linspace(-0.5, 0.5, 1000)) == [0.0, 0.0, 0.0]
    torch.manual_seed(0)
    weights = 0.5 * torch.randn(10_000)
    along = 0.5 * torch.randn(20, 200) + 0.25
    assert max(shares(along, weights, 0.125)) == 0


def test_a_mode_that_the_proposal_reaches_too_seldom_is_told_by_its_draws():
    """Weights of 4 in a mode that .003 of 10,000 draws fall into: they are 30, and they tell."""
    proposal = torch.zeros(10_000)
    proposal[:30] = math.log(4.0)
    assert shares([[math.log(4.0)], [math.log(3.0)]], proposal, 0.01) == [0.0]
    # One draw there in place of 30 tells less than it allows for.
    proposal[1:30] = 0.0
    (seen,) = shares([[math.log(4.0)], [math.log(3.0)]], proposal, 0.01)
    assert 0 < seen < 0.003


def test_a_chain_that_only_visits_is_no_witness_and_one_that_only_leaves_for_a_moment_is():
    proposal = torch.zeros(10_000)
    inside, outside = math.log(1000.0), 0.0
    visits = [[inside]] + [[outside]] * 19
    leaves = [[outside]] + [[inside]] * 19
    assert shares(visits, proposal) == [0.0]
    # From the first quartile on the chain is inside, for .75 of its time.
    (seen,) = shares(leaves, proposal)
    assert seen == pytest.approx(3e-4 * 1000 / 0.75, rel=0.01)


def test_weights_that_are_no_numbers_are_not_heard_and_infinite_ones_are():
    seen = shares([[math.nan, -math.inf, math.inf]], torch.zeros(1000))
    assert seen == [0.0, 0.0, 1.0]


def test_the_bound_holds_the_truth_over_repetitions():
    """A proposal that reaches a region of the model's weight .2 once in 5,000 draws.

    Wherever a sample of 10,000 has no more than two draws there, the bound is at least what they
    fail to tell of; 95 % would do, and the bound of each number of draws is one of 95 % itself.
    """
    torch.manual_seed(0)
    rare, model = 1 / 5000, 0.2
    inside, outside = math.log(model / rare), math.log((1 - model) / (1 - rare))
    held = []
    for _ in range(300):
        proposal = torch.full((10_000,), outside, dtype=torch.float64)
        fell = int(torch.distributions.Binomial(10_000, rare).sample())
        proposal[:fell] = inside
        told = fell * math.exp(inside) / 10_000
        (seen,) = shares([[inside]], proposal)
        if told < model / 2:
            held.append(seen >= model - told - 1e-9)
    assert len(held) > 50
    assert sum(held) / len(held) >= 0.95

"""States of all rungs stand for the model by their weights, and are drawn as they weigh."""

from __future__ import annotations

import torch

from lightning_ebm.tempering import pooled_log_weights, resampled


def test_weights_of_independent_states_give_the_moments_of_the_top_rung() -> None:
    # V = -z²/2 on a standard Gaussian: rung β is a Gaussian of variance 1/(1 + β).
    torch.manual_seed(0)
    betas = torch.tensor([0.0, 0.3, 0.6, 1.0], dtype=torch.float64)
    z = torch.randn(4, 100_000, dtype=torch.float64) / (1 + betas[:, None]).sqrt()
    log_z = -0.5 * (1 + betas).log()
    weights = pooled_log_weights(-z.square() / 2, betas, log_z.diff()).flatten().softmax(0)
    second = float(weights @ z.flatten().square())
    # Of 4e5 states worth some 3e5: a standard error of .0013.
    assert abs(second - 0.5) < 0.005
    assert abs(float(weights @ z.flatten())) < 0.005


def test_a_state_of_no_density_weighs_nothing() -> None:
    betas = torch.tensor([0.0, 1.0])
    v = torch.tensor([[0.0, -torch.inf], [0.0, 1.0]])
    weights = pooled_log_weights(v, betas, torch.zeros(1)).flatten().softmax(0)
    assert weights[1] == 0
    assert weights.isfinite().all()


def test_resampled_counts_are_the_shares_within_one() -> None:
    torch.manual_seed(1)
    weights = torch.rand(50, dtype=torch.float64)
    places = resampled(weights.log(), 200)
    counts = torch.bincount(places, minlength=50)
    shares = 200 * weights / weights.sum()
    assert (counts >= shares.floor()).all()
    assert (counts <= shares.ceil()).all()
    assert len(places) == 200

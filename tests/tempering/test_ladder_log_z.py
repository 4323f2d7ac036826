"""log Z along a ladder, against a formula, and its errors, against repetitions."""

import torch

from lightning_ebm.tempering import ladder_log_z

TILT = 3.0
"""V = TILT · u under u ~ N(0, 1) has log E[exp(βV)] = (β TILT)²/2."""


def run(n: int, rounds: int, correlation: float, betas: torch.Tensor) -> torch.Tensor:
    """V of columns whose states at each rung are an autoregression with the rung's own law."""
    u = torch.randn(len(betas), n, dtype=torch.float64)
    kept = []
    for _ in range(rounds):
        fresh = (1 - correlation**2) ** 0.5 * torch.randn_like(u)
        u = correlation * u + fresh
        kept.append(TILT * (u + TILT * betas[:, None]))
    return torch.stack(kept)


def test_bridges_give_log_z_and_one_sided_means_hold_it_between_them():
    torch.manual_seed(1)
    betas = torch.linspace(0, 1, 7).double()
    found = ladder_log_z(run(4000, 5, 0.0, betas), betas)
    truth = TILT**2 / 2
    assert abs(found.value - truth) < 4 * found.standard_error < 0.1
    assert abs(found.lower - truth) < 5 * found.lower_standard_error
    assert abs(found.upper - truth) < 5 * found.upper_standard_error
    parts = (betas.square().diff() * truth).double()
    assert torch.allclose(found.log_ratios, parts, atol=0.05)


def test_errors_cover_for_states_that_depend_on_those_before():
    """Of 300 repetitions between 91 and 99 % within two standard errors, at correlation .9."""
    torch.manual_seed(2)
    betas = torch.linspace(0, 1, 4).double()
    hits = 0
    for _ in range(300):
        found = ladder_log_z(run(40, 30, 0.9, betas), betas)
        hits += abs(found.value - TILT**2 / 2) < 2 * found.standard_error
    assert 0.91 <= hits / 300 <= 0.99


def test_one_column_tells_no_error():
    betas = torch.linspace(0, 1, 3).double()
    assert torch.tensor(ladder_log_z(run(1, 10, 0.0, betas), betas).standard_error).isnan()

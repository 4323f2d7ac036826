"""Columns of a ladder begun far apart: which of them the flow renews, where that is known."""

from __future__ import annotations

import pytest
import torch
from targets import GaussianMixture
from torch import Tensor

from lightning_ebm import Problem
from lightning_ebm.evaluation.ladder import climb
from lightning_ebm.evaluation.overdispersed import forget
from lightning_ebm.evaluation.unforgotten_mass import Search, look_for_unforgotten_mass

NEAR, FAR = [-2.0, 0.0], [2.0, 0.0]
LOG_Z = 1.5


def tempered(flow_has: float, model_has: float = 0.3) -> Problem:
    """A model that has a share on the second of two modes, and a flow that has another."""
    narrow, wide = ((s * torch.eye(2)).tolist() for s in (0.25, 0.3))
    model = GaussianMixture([1 - model_has, model_has], [NEAR, FAR], [narrow] * 2)
    flow = GaussianMixture([1 - flow_has, flow_has], [NEAR, FAR], [wide] * 2)
    return Problem(lambda x: model.log_prob(x) + LOG_Z, (2,), reference=flow, proposal=flow)


def points(at: list[float], n: int = 12) -> Tensor:
    return torch.tensor(at, dtype=torch.float64) + 0.25 * torch.randn(n, 2, dtype=torch.float64)


@pytest.mark.parametrize(("flow_has", "renewed"), [(0.5, True), (0.05, True), (1e-6, False)])
def test_the_flow_renews_columns_where_it_comes(flow_has, renewed):
    torch.manual_seed(0)
    problem = tempered(flow_has)
    ladder = climb(problem, 8, 120)
    found = forget(problem, ladder, torch.cat([points(NEAR), points(FAR)]))
    near, far = found.forgotten.chunk(2)
    assert near.all()
    assert (far == renewed).all()
    assert found.n_rounds <= 2 * len(ladder.ages)
    kept = found.last[12:][~far]
    assert (kept[:, 0] > 0).all()


def looked_for(problem: Problem, samples: dict[str, Tensor], shares: float) -> Search:
    def unaccounted(x: Tensor) -> Tensor:
        return torch.full(x.shape[1:2], shares, dtype=torch.float64)

    ladder = climb(problem, 8, 240)
    return look_for_unforgotten_mass(problem, problem, ladder, samples, unaccounted, LOG_Z, 40)


def test_a_mode_that_keeps_its_columns_is_a_doubt_and_one_of_little_mass_is_not():
    samples = {"held-out data": points(FAR)}
    torch.manual_seed(0)
    found = looked_for(tempered(1e-12), samples, 1.0)
    assert found.unseen > 0.25
    doubt = found.doubts[0]
    assert "of 12 columns begun from held-out data stay, which the flow did not renew" in doubt
    torch.manual_seed(0)
    found = looked_for(tempered(1e-12, model_has=1e-4), samples, 1.0)
    assert found.doubts == []
    assert found.unseen < 0.01


def test_what_annealed_paths_account_for_is_no_doubt():
    torch.manual_seed(0)
    found = looked_for(tempered(1e-12), {"held-out data": points(FAR)}, 0.01)
    assert found.doubts == []

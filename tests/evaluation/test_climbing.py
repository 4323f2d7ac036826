"""A ladder for a model that something else trained: what it weighs where a flow cannot tell."""

import math

import pytest
import torch
from targets import GaussianMixture
from torch import nn

from lightning_ebm import Problem, RealNVP
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.ladder import climb, weights_by_all_rungs
from lightning_ebm.evaluation.log_z import ladder_sandwich
from lightning_ebm.evaluation.measures import LadderConduct, Likelihood, SampledClassWeights
from lightning_ebm.problem import Tilt

D = 10
SETTINGS = {"search_steps": 20, "annealing_steps": 40, "n_weighted": 3000, "ladder_rounds": 500}


def hard(scale: float = 2.0, centre: float = 0.0) -> tuple[Problem, GaussianMixture]:
    """Two far modes of weights .3 and .7 in 10 dimensions, and a flow that is one Gaussian.

    The model tilts the flow; Z is e^1.5.
    """
    known = GaussianMixture(
        [0.3, 0.7],
        [[2.0] * 2 + [0.0] * (D - 2), [-2.0] * 2 + [0.0] * (D - 2)],
        [(0.5 * torch.eye(D)).tolist()] * 2,
    )
    flow = RealNVP([D], n_layers=1, hidden=4).double()
    flow.scale.fill_(scale)
    flow.location.fill_(centre)
    flow.requires_grad_(False)
    model = Tilt(lambda x: known.log_prob(x) + 1.5 - flow.log_prob(x), flow)
    return Problem(model, (D,), reference=flow, proposal=flow, flow=flow), known


class Signs(nn.Module):
    def forward(self, x):
        return torch.stack([x[:, 0], -x[:, 0]], 1)


class Labelled:
    kept_classes, class_proportions = (0, 1), torch.tensor([0.3, 0.7])

    def __init__(self, known):
        self.known = known

    def labelled_points(self, n):
        x = self.known.sample(n)[0]
        return x, (x[:, 0] < 0).long()


def evidence(hardness: tuple[float, ...] = (), **settings) -> Evidence:
    problem, known = hard(*hardness)
    draws = [known.sample(200)[0] for _ in range(8)]
    return Evidence(
        problem,
        known.sample(500)[0],
        draws,
        flow=problem.flow,
        labelled=Labelled(known),
        followed=True,
        **(SETTINGS | settings),
    )


@pytest.mark.slow
def test_the_ladder_tells_log_z_and_weights_where_the_flow_is_worth_nothing():
    torch.manual_seed(1)
    seen = evidence()
    assert seen.worth_of_flow < 50
    figures = Likelihood()(seen) | LadderConduct()(seen) | SampledClassWeights(Signs())(seen)
    assert seen.sandwich.proposal == "ladder"
    assert seen.sandwich.doubts + seen.doubts == []
    low, high = seen.sandwich.interval
    assert low < 1.5 < high < low + 0.3
    error = float(figures["model/class_weight_standard_error_0"])
    assert error < 0.03
    assert float(figures["model/class_weight_0"]) == pytest.approx(0.3, abs=3.5 * error)
    assert figures["ladder/renewals"] > 500
    assert figures["test/nll"] == pytest.approx(
        -float(seen.problem.log_density(seen.data).mean()) + 1.5, abs=0.1
    )
    assert figures["flow/nll"] > figures["test/nll"] + 5
    assert "states came from the flow to the model" in " ".join(seen.remarks)


def test_chains_with_other_weights_than_the_ladders_are_not_trusted():
    torch.manual_seed(2)
    seen = evidence(ladder_rounds=100)
    seen.draws = [x[x[:, 0] < 0][:100] for x in seen.draws]
    SampledClassWeights(Signs())(seen)
    assert any("class" in doubt for doubt in seen.doubts)


@pytest.mark.slow
def test_a_mode_that_no_rung_reaches_is_found_from_the_data():
    """The flow stands on one mode, narrow: the ladder agrees with itself, and is not believed."""
    torch.manual_seed(6)
    seen = evidence((0.35, -1.2))
    seen.draws = [x[x[:, 0] < 0][:100] for x in seen.draws]
    Likelihood()(seen)
    assert seen.sandwich.proposal == "ladder"
    # What it has found is the mode of weight .7, and that rightly.
    assert seen.sandwich.log_z == pytest.approx(1.5 + math.log(0.7), abs=0.15)
    assert any("held-out data" in doubt for doubt in seen.sandwich.doubts)


@pytest.mark.parametrize(
    ("settings", "climbs"),
    [({"ladder_rounds": 0}, False), ({"during_fit": True}, False), ({"ladder_rounds": 8}, True)],
)
def test_it_is_run_only_where_asked_for(settings, climbs):
    torch.manual_seed(3)
    assert (evidence(**settings).ladder is not None) == climbs


def test_too_short_a_ladder_is_not_trusted():
    torch.manual_seed(4)
    problem, _ = hard()
    record = climb(problem.pullback(), 2, 8)
    assert any("states came" in doubt for doubt in ladder_sandwich(record).doubts)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_weights_by_all_rungs_cover():
    """Of 60 repetitions at least 51 intervals of two errors hold .3, and 60 of four do."""
    torch.manual_seed(5)
    problem, _ = hard()
    hits, near = 0, 0
    for _ in range(60):
        record = climb(problem.pullback(), 24, 480)
        members = torch.stack([record.states[..., 0] > 0, record.states[..., 0] < 0], -1).double()
        weights, errors = weights_by_all_rungs(record, members)
        off = abs(float(weights[0]) - 0.3) / float(errors[0])
        hits, near = hits + (off < 2), near + (off < 4)
        assert math.isclose(float(weights.sum()), 1.0, rel_tol=1e-9)
    assert hits >= 51
    assert near == 60

"""What chains have to say against trust, on models and draws whose answer is known."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
import torch
from targets import GaussianMixture, StandardNormal

from lightning_ebm import Problem
from lightning_ebm.data import FourModes, TwoModes
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.measures import (
    ChainConvergence,
    KnownDensityError,
    SampledModeWeights,
    StandingChains,
)
from lightning_ebm.evaluation.measures.weight_agreement import disagreeing, effective_sample_size
from lightning_ebm.metrics import MembershipWeights

WIDE = GaussianMixture([1.0], [[0.0, 0.0]], [[[4.0, 0.0], [0.0, 2.0]]])


def evidence(model, draws, **settings):
    fields = {"evaluations": 8000, "followed": True, "density": TwoModes(), "resolution": 200}
    problem = Problem(model.log_prob, (2,), reference=WIDE)
    return Evidence(problem, TwoModes().sample(500).double(), draws, **fields | settings)


def independent(model, n_draws=10, n_chains=400):
    return [model.sample(n_chains).double() for _ in range(n_draws)]


def frozen(model, n_draws=10, n_chains=400):
    return [model.sample(n_chains).double()] * n_draws


def judged(seen, *measures):
    figures = {}
    for measure in measures or (
        KnownDensityError(),
        SampledModeWeights(),
        StandingChains(),
        ChainConvergence(),
    ):
        figures |= measure(seen)
    return figures


def test_nothing_speaks_against_independent_draws_of_the_model():
    torch.manual_seed(0)
    for weight in (0.2, 0.01):
        model = TwoModes(weight=weight)
        seen = evidence(model, independent(model))
        judged(seen)
        assert seen.doubts == []


def test_chains_with_other_weights_than_the_model_are_a_doubt():
    torch.manual_seed(0)
    seen = evidence(TwoModes(weight=0.4), independent(TwoModes(weight=0.2)))
    judged(seen)
    (doubt,) = seen.doubts
    words = r"mode 0 has a weight of 0\.[12]\d* among the chains and of 0\.400 in the model"
    assert re.fullmatch(words, doubt)


def test_a_mode_of_the_model_that_no_chain_met_is_a_doubt_where_the_interval_says_so():
    # With 400 chains the highest weight at once with the other is 1 - (.0005/2)^(1/400) = .0205.
    right = TwoModes(weight=1e-12)
    doubt = "no chain met mode 0, which has 0.030 of the model"
    for weight, doubts in ((0.03, [doubt]), (0.01, [])):
        torch.manual_seed(0)
        seen = evidence(TwoModes(weight=weight), independent(right))
        figures = judged(seen, KnownDensityError(), SampledModeWeights())
        assert seen.doubts == doubts
        (remark,) = seen.remarks
        # 1 - .05^(1/400)
        assert remark == (
            "no chain met mode 0: its weight lies between 0 and 0.007, its error and effective "
            "sample size are unknown"
        )
        assert figures["samples/mode_weight_upper_0"] == pytest.approx(0.00746, abs=1e-5)
        assert math.isnan(figures["samples/mode_weight_ess"])


def test_several_modes_that_no_chain_met_are_one_remark():
    density = FourModes()
    x = torch.tensor(density.means[1]) + 0.01 * torch.randn(10, 64, 2).double()
    seen = evidence(TwoModes(), list(x), density=density)
    figures = judged(seen, SampledModeWeights())
    (remark,) = seen.remarks
    assert remark.startswith("no chain met modes 0, 2 and 3: the weight of each lies between 0 ")
    assert figures["samples/mode_weight_lower_1"] == pytest.approx(0.05 ** (1 / 64))


def test_without_weights_of_the_model_there_is_nothing_to_compare():
    torch.manual_seed(0)
    seen = evidence(TwoModes(weight=0.4), independent(TwoModes(weight=0.2)))
    judged(seen, SampledModeWeights())
    assert seen.doubts == []


@pytest.mark.parametrize("n_modes", [2, 8])
@pytest.mark.parametrize("model_draws", [math.inf, 300.0])
def test_false_alarms_are_rarer_than_said(n_modes, model_draws):
    """Of 1 in 1,000, more than 2 in 400 runs have a chance of .008."""
    torch.manual_seed(0)
    truth = torch.distributions.Dirichlet(torch.full((n_modes,), 0.7)).sample().double()
    alarms = 0
    for _ in range(400):
        metric = MembershipWeights(lambda x: x, n_modes)
        chains = truth.multinomial(4 * 64, replacement=True).view(4, 64)
        metric.update(torch.nn.functional.one_hot(chains, n_modes).double())
        model, draws = truth, torch.full((n_modes,), model_draws).double()
        if math.isfinite(model_draws):
            seen = truth.multinomial(int(model_draws), replacement=True)
            model = seen.bincount(minlength=n_modes).double() / model_draws
        alarms += int(disagreeing(metric.compute(), model, draws).any())
    assert alarms <= 2


def test_exact_weights_are_worth_infinitely_many_draws():
    weights = torch.tensor([0.2, 0.8])
    found = effective_sample_size(weights, torch.tensor([0.0, 0.04]))
    assert found.tolist() == [math.inf, pytest.approx(100)]


def test_frozen_chains_are_named_in_words():
    torch.manual_seed(0)
    seen = evidence(TwoModes(), frozen(TwoModes()))
    figures = judged(seen, StandingChains(), ChainConvergence())
    assert figures["diagnostics/energy_r_hat"] == math.inf
    assert figures["diagnostics/energy_ess_bulk"] == 400
    assert figures["diagnostics/unmoved_share"] == 1
    assert seen.doubts == [
        "400 of 400 chains never moved over 5 draws",
        "chains do not agree on energy: R-hat is infinite, they never moved",
        "chains do not agree on modes: R-hat is infinite, they never left theirs",
    ]


def test_rounding_does_not_make_a_frozen_chain_move():
    torch.manual_seed(0)
    seen = evidence(TwoModes(), frozen(TwoModes()))
    noisy = replace(seen.problem, log_density=lambda x: 1e-9 * torch.randn(len(x)).double())
    seen.problem = noisy
    assert judged(seen, ChainConvergence())["diagnostics/energy_r_hat"] == math.inf


def test_all_chains_at_one_point_say_nothing_of_agreement():
    seen = evidence(TwoModes(), [torch.zeros(50, 2).double()] * 10)
    figures = judged(seen, StandingChains(), ChainConvergence())
    assert math.isnan(figures["diagnostics/energy_r_hat"])
    assert math.isnan(figures["diagnostics/modes_ess_bulk"])
    assert seen.doubts == ["50 of 50 chains never moved over 5 draws"]
    assert sum("is unknown" in remark for remark in seen.remarks) == 2


def test_energies_that_are_worth_few_draws_are_a_doubt():
    torch.manual_seed(0)
    seen = evidence(TwoModes(), independent(TwoModes(), n_chains=8))
    judged(seen, ChainConvergence())
    assert any(doubt.startswith("the energies of the chains are worth") for doubt in seen.doubts)


@pytest.mark.parametrize(("share", "doubts"), [(0.02, 0), (0.1, 1)])
def test_chains_that_never_moved_are_counted(share, doubts):
    torch.manual_seed(0)
    draws = independent(TwoModes())
    stays = torch.arange(400) < 400 * share
    # They moved before the draws that count.
    for k in range(5, 10):
        draws[k] = torch.where(stays[:, None], draws[4], draws[k])
    seen = evidence(TwoModes(), draws)
    figures = judged(seen, StandingChains())
    assert figures["diagnostics/unmoved_share"] == pytest.approx(share)
    assert seen.remarks == [f"{int(400 * share)} of 400 chains never moved over 5 draws"]
    assert len(seen.doubts) == doubts


def test_chains_that_begin_anew_are_counted_by_the_draw():
    torch.manual_seed(0)
    info = {"unmoved": torch.tensor(0.25), "zero_density": torch.tensor(0.5)}
    draws = independent(TwoModes())
    seen = evidence(TwoModes(), draws, followed=False, info=info)
    judged(seen, StandingChains())
    anew = "chains stood where the model's density is zero at 2000 of 4000 beginnings of a draw"
    assert seen.remarks[0].startswith(anew)
    assert seen.remarks[1:] == seen.doubts == ["1000 of 4000 chains ended where they began"]
    assert judged(evidence(TwoModes(), draws, during_fit=True), StandingChains()) == {}


def test_chains_that_end_at_zero_density_are_a_doubt():
    torch.manual_seed(0)
    x = StandardNormal((2,)).sample(100)[0]
    x[:3] += 100

    class Cut(StandardNormal):
        def log_prob(self, x):
            return super().log_prob(x).where(x.norm(dim=1) < 50, -math.inf)

    seen = evidence(Cut((2,)), [x, x + 0.1])
    figures = judged(seen, StandingChains())
    assert figures["diagnostics/zero_density_share"] == pytest.approx(0.03)
    assert seen.doubts == ["3 of 100 chains ended where the model's density is zero"]

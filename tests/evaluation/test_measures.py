"""Measures on models whose answer is known, and what they ask of data modules."""

import math

import pytest
import torch
from targets import GaussianMixture
from torch import nn

from lightning_ebm import Problem, SettingError, data
from lightning_ebm.data import Digits, TwoModes
from lightning_ebm.evaluation.classifier import accuracy, fit_classifier
from lightning_ebm.evaluation.convergence import Convergence
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.measures import (
    ChainConvergence,
    ImageDistances,
    KnownDensityError,
    Likelihood,
    SampledClassWeights,
    SampleDistances,
    SampledModeWeights,
    chains,
    default_measures,
)
from lightning_ebm.problem import Tilt

WIDE = GaussianMixture([1.0], [[0.0, 0.0]], [[[4.0, 0.0], [0.0, 2.0]]])


class Blind:
    """A flow that knows the right mode alone."""

    density = GaussianMixture([1.0], [[4.0, 0.0]], [[[0.6, 0.0], [0.0, 0.6]]])
    sample = density.sample
    log_prob = density.log_prob


def evidence(model=None, n_draws=10, **settings):
    torch.manual_seed(0)
    model, truth = model or TwoModes(), TwoModes()
    draws = [model.sample(400).double() for _ in range(n_draws)]
    problem = Problem(lambda x: 2.5 + model.log_prob(x), (2,), reference=WIDE)
    fields = {
        "problem": problem,
        "data": truth.sample(1000).double(),
        "draws": draws,
        "evaluations": 8000,
        "followed": True,
        "density": truth,
        "resolution": 200,
    }
    return Evidence(**fields | settings)


def test_a_right_model_is_called_right():
    seen = evidence(annealing_steps=60)
    figures = {}
    for measure in default_measures():
        figures |= measure(seen)
    assert figures["model/kl"] == pytest.approx(0, abs=1e-4)
    assert figures["model/log_z"] == pytest.approx(2.5, abs=1e-3)
    assert figures["log_z/covers_quadrature"] == 1
    assert (seen.doubts, seen.faults) == ([], [])
    assert abs(figures["log_z/error"]) < 0.2
    assert figures["samples/mode_weight_tv"] < 0.03
    assert figures["diagnostics/modes_r_hat"] < 1.02
    assert abs(figures["distance/chains_data_mmd"]) < 0.01
    assert seen.doubts == []
    crossing = 1 - (0.2**2 + 0.8**2)
    expected = 1000 * crossing * 9 * 400 / 8000
    assert figures["sampler/crossings_per_1000_evaluations"] == pytest.approx(expected, rel=0.1)


def test_wrong_weights_are_found_by_every_measure_that_could():
    seen = evidence(TwoModes(weight=0.5))
    figures = {}
    for measure in (KnownDensityError(), SampledModeWeights(), SampleDistances()):
        figures |= measure(seen)
    assert figures["model/mode_weight_tv"] == pytest.approx(0.3, abs=1e-3)
    assert figures["samples/mode_weight_tv"] == pytest.approx(0.3, abs=0.05)
    assert figures["distance/chains_data_mmd"] > 0.05
    assert seen.doubts == []
    assert seen.faults == ["its mode weights are 0.30 off the truth"]


def test_log_z_is_known_where_quadrature_is_certain_alone():
    seen = evidence()
    assert KnownDensityError()(seen)["model/log_z"] == seen.log_z == pytest.approx(2.5, abs=1e-3)
    endless = evidence(problem=Problem(lambda x: 0 * x.sum(1), (2,), reference=WIDE))
    assert math.isnan(KnownDensityError()(endless)["model/log_z"])
    assert math.isnan(endless.log_z)
    assert "as if it had no end" in endless.doubts[0]


def test_the_settled_draws_show_mass_where_the_truth_has_none():
    far = data.GaussianMixture([[-4.0, 0.0], [4.0, 0.0], [90.0, 50.0]], [0.5] * 3, [1.0, 4.0, 5.0])
    figures = KnownDensityError()(evidence(far))
    assert figures["model/kl"] == pytest.approx(math.log(2), abs=1e-3)

    truth = data.OppositeModes(dimension=8)
    means = [*truth.means, [3.0, -3.0] * 4]
    model = data.GaussianMixture(means, [0.5] * 3, [*truth.weights, 4.0])
    problem = Problem(model.log_prob, (8,), reference=WIDE)
    x = truth.sample(500)
    # Chains that were elsewhere at first and are not any more say nothing.
    moved = [model.sample(400)] * 5 + [truth.sample(400)] * 5
    seen = Evidence(problem, x, moved, density=truth)
    KnownDensityError()(seen)
    assert seen.doubts == []
    seen = Evidence(problem, x, [model.sample(400)] * 10, density=truth)
    assert math.isnan(KnownDensityError()(seen)["model/kl"])
    assert "draws lie where the data's density has next to none" in seen.doubts[0]


def test_a_tilt_of_the_very_flow_is_weighed_without_evaluating_it():
    class Counted(Blind):
        evaluated = 0

        def log_prob(self, x):
            Counted.evaluated += len(x)
            return self.density.log_prob(x)

    def tilt(x):
        return x.sin().sum(1)

    flow = Counted()
    model = Problem(Tilt(tilt, flow), (2,), reference=WIDE)
    seen = evidence(problem=model, flow=flow)
    assert torch.equal(seen.weighted.log_weights, tilt(seen.weighted.x).double())
    assert Counted.evaluated == 0
    # Over any other flow base and flow both count.
    x = seen.data
    expected = tilt(x) + flow.density.log_prob(x) - WIDE.log_prob(x)
    torch.testing.assert_close(evidence(problem=model, flow=WIDE).log_weights(x), expected)


def test_chains_that_stay_are_said_not_to_agree():
    seen = evidence()
    stuck = [seen.draws[0]] * 10
    seen = evidence(draws=[x + 0.01 * torch.randn_like(x) for x in stuck])
    figures = ChainConvergence()(seen)
    assert figures["diagnostics/modes_r_hat"] > 1.1
    assert figures["sampler/crossings_per_1000_evaluations"] == 0
    assert any("chains do not agree on modes" in remark for remark in seen.remarks)


@pytest.mark.parametrize(
    ("r_hat", "said", "doubted"),
    [(1.005, "", False), (1.03, "chains nearly agree on", False), (1.06, "do not agree on", True)],
)
def test_what_is_believed_is_not_said_to_disagree(r_hat, said, doubted, monkeypatch):
    found = Convergence(r_hat, 1e4, 1e4)
    monkeypatch.setattr(chains, "convergence", lambda values: found)
    seen = evidence(draws=[evidence().draws[0]] * 10)
    ChainConvergence()(seen)
    assert len(seen.remarks) == 2 * bool(said)
    assert all(said in remark for remark in seen.remarks)
    assert bool(seen.doubts) == doubted


def test_nothing_is_said_of_chains_that_begin_anew_or_of_paths_while_training_waits():
    assert ChainConvergence()(evidence(followed=False)) == {}
    assert Likelihood()(evidence(during_fit=True)) == {}
    assert Likelihood()(evidence(annealing_steps=0)) == {}


@pytest.fixture(scope="module")
def digits():
    data = Digits(classes=[3, 1], class_weights=[0.25, 0.75], validation_size=0)
    data.setup()
    return data


def test_labelled_points_are_the_same_each_time_and_labels_are_places(digits):
    x, _ = digits.labelled_points(50)
    again, _ = digits.labelled_points(50)
    assert torch.equal(x, again)
    assert x.shape == (50, 1, 8, 8)
    raw = digits._train.items
    everyone, places = digits.labelled_points(10**6)
    assert len(everyone) == len(raw.labels)
    assert (places == 1).float().mean() == pytest.approx((raw.labels == 1).float().mean().item())


def test_a_classifier_is_fitted_alike_each_time_and_is_right(digits):
    x, labels = digits.labelled_points(10**6)
    state = torch.get_rng_state()
    first = fit_classifier(x[50:], labels[50:], 2, n_steps=150)
    second = fit_classifier(x[50:], labels[50:], 2, n_steps=150)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first(x), second(x))
    assert accuracy(first, x[:50], labels[:50]) > 0.95


def test_class_weights_of_images(digits):
    x, _ = digits.labelled_points(10**6)
    draws = [x[torch.randperm(len(x))[:100]] for _ in range(4)]
    problem = Problem(lambda x: x.flatten(1).sum(1), (1, 8, 8), reference=WIDE)
    seen = Evidence(problem, x, draws, labelled=digits, annealing_steps=0)
    figures = SampledClassWeights()(seen)
    assert figures["samples/class_weight_3"] == pytest.approx(0.25, abs=0.06)
    assert figures["data/class_weight_1"] == pytest.approx(0.75, abs=0.01)
    assert figures["classifier/accuracy"] > 0.95
    assert "model/class_weight_3" not in figures


def test_class_weights_of_flow_and_model_are_told_apart():
    """N(0, 1) tilted by log 3 above 0: that class weighs .5 in the flow and .75 in the model."""

    class Signs(nn.Module):
        def forward(self, x):
            return torch.cat([x, -x], 1)

    class Labelled:
        kept_classes, class_proportions = (3, 1), torch.tensor([0.7, 0.3])

        def labelled_points(self, n):
            x = torch.randn(n, 1)
            return x, (x[:, 0] < 0).long()

    torch.manual_seed(0)
    flow = GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    model = Tilt(lambda x: math.log(3) * (x[:, 0] > 0), flow)
    x = torch.randn(500, 1).double()
    problem = Problem(model, (1,), reference=flow)
    seen = Evidence(problem, x, [x] * 4, flow=flow, labelled=Labelled())
    figures = SampledClassWeights(Signs())(seen)
    assert seen.remarks == []
    (doubt,) = seen.doubts
    assert doubt.startswith("class 1 has a weight of 0.")
    assert figures["flow/class_weight_3"] == pytest.approx(0.5, abs=0.02)
    assert figures["flow/class_weight_tv"] == pytest.approx(0.2, abs=0.02)
    error = figures["model/class_weight_standard_error_3"].item()
    assert 0.003 < error < 0.006
    assert figures["model/class_weight_3"] == pytest.approx(0.75, abs=3 * error)
    assert figures["model/class_weight_tv"] == pytest.approx(0.05, abs=3 * error)

    steep = Problem(Tilt(lambda x: 1000 * x[:, 0], flow), (1,), reference=flow)
    seen = Evidence(steep, x, [x] * 4, flow=flow, labelled=Labelled(), ladder_rounds=0)
    SampledClassWeights(Signs())(seen)
    # Weights that are unknown are not compared with any.
    assert seen.doubts == []
    (remark,) = seen.remarks
    assert remark.endswith("unknown: the draws that they rest on are worth 1.0")


def test_bits_per_dimension_of_the_uniform_density(digits):
    x, _ = digits.labelled_points(5)
    # Uniform on [-1, 1] has density 1/2 per pixel, and says nothing of 17 levels.
    negative = torch.full((5,), 64 * math.log(2))
    bits = digits.bits_per_dimension(negative, x)
    assert bits.tolist() == pytest.approx([math.log2(17)] * 5)
    noisy = Digits(noise=0.1)
    noisy.setup()
    assert noisy.bits_per_dimension(negative, x) is None


def test_likelihood_of_images_gives_bits(digits):
    x, _ = digits.labelled_points(100)

    class Unit(nn.Module):
        def sample(self, n):
            z = torch.randn(n, 1, 8, 8)
            return z, self.log_prob(z)

        def log_prob(self, z):
            return torch.distributions.Normal(0.0, 1.0).log_prob(z).flatten(1).sum(1)

    flow = Unit()
    problem = Problem(lambda x: flow.log_prob(x) + 1.5, (1, 8, 8), reference=flow)
    seen = Evidence(problem, x, [flow.sample(200)[0]], flow=flow, stored=digits)
    figures = Likelihood()(seen)
    assert figures["model/log_z"] == pytest.approx(1.5, abs=1e-4)
    assert figures["test/nll"] == pytest.approx(-flow.log_prob(x).mean().item(), abs=1e-3)
    expected = digits.bits_per_dimension(-flow.log_prob(x), x).mean()
    assert figures["test/bits_per_dimension"] == pytest.approx(expected.item(), abs=1e-3)


def test_image_distances_in_a_space_of_features(digits):
    torch.manual_seed(0)
    x = torch.rand(200, 1, 8, 8)
    problem = Problem(lambda x: x.flatten(1).sum(1), (1, 8, 8), reference=WIDE)
    first_pixels = nn.Sequential(nn.Flatten(), nn.Linear(64, 3, bias=False))
    nn.init.zeros_(first_pixels[1].weight)
    for k in range(3):
        first_pixels[1].weight.data[k, k] = 1
    measure = ImageDistances(first_pixels)
    same = measure(Evidence(problem, x, [x]))
    moved = measure(Evidence(problem, x, [x + 2]))
    assert same["distance/fid"] == pytest.approx(0, abs=1e-4)
    assert moved["distance/fid"] == pytest.approx(3 * 2**2, rel=1e-3)
    assert moved["distance/kid"] > 10 * abs(same["distance/kid"])
    with pytest.raises(SettingError, match="kid_subset_size is 50, but there are 10 images"):
        measure(Evidence(problem, x[:10], [x[:10]]))

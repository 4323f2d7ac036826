"""The report by quadrature is right to .002 wherever and however narrow modes are, or silent."""

import math

import pytest
import torch

from lightning_ebm.data import (
    Checkerboard,
    FourModes,
    GaussianMixture,
    Moons,
    RingOfEight,
    Rings,
    TwoModes,
)
from lightning_ebm.evaluation import density_report

FAR = GaussianMixture([[50.0, -30.0], [-20.0, 30.0]], [0.01, 0.01], [0.3, 0.7])
TRUTHS = {
    "narrow and far": FAR,
    "both at one far place": GaussianMixture([[50.0, -30.0]] * 2, [0.01, 0.01], [0.3, 0.7]),
    "narrow and near": GaussianMixture([[50.0, -50.0], [50.08, -50.0]], [0.01] * 2, [0.3, 0.7]),
    "large": GaussianMixture([[-400.0, 0.0], [400.0, 90.0]], [100.0, 100.0], [0.3, 0.7]),
    "narrow in broad": GaussianMixture([[0.0, 0.0], [0.3, 0.2]], [1.5, 0.01], [0.3, 0.7]),
    "two modes": TwoModes(),
    "rare mode": TwoModes(weight=0.005),
    "four modes": FourModes(),
    "ring of eight": RingOfEight(),
    "rings": Rings(),
    "rings, through the origin": Rings(radii=(0.3, 1.5, 3.0), scale=0.3),
    "moons": Moons(),
    "checkerboard": Checkerboard(),
    "checkerboard, odd": Checkerboard(squares=5, half_width=1.0),
}
UNKNOWN = ("model/log_z", "model/kl", "model/mode_weight_0", "model/mode_weight_tv", "test/nll")


def report(model, truth, draws=None, resolution=200, n_test=1000):
    torch.manual_seed(0)
    return density_report(model, truth, truth.sample(n_test), resolution, draws)


def assert_silent(found, clause):
    assert any(clause in doubt for doubt in found.doubts), found.doubts
    assert all(math.isnan(found.figures[name]) for name in UNKNOWN)
    assert found.faults == []


@pytest.mark.parametrize("resolution", [200, 400])
@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS.keys())
def test_the_truth_as_model_is_found_to_be_right(truth, resolution):
    evaluated = 0

    def model(x):
        nonlocal evaluated
        evaluated += len(x)
        return 2.5 + truth.log_prob(x)

    figures, doubts, faults = report(model, truth, resolution=resolution)
    assert (doubts, faults) == ([], [])
    assert figures["model/log_z"] == pytest.approx(2.5, abs=2e-3)
    assert figures["model/kl"] == pytest.approx(0, abs=2e-3)
    assert figures["model/mode_weight_tv"] < 2e-3
    assert figures["model/mode_weight_0"] == pytest.approx(float(truth.mode_weights[0]), abs=2e-3)
    assert figures["test/nll"] == pytest.approx(figures["test/nll_of_truth"], abs=2e-3)
    assert evaluated <= resolution**2


def test_wrong_weights_of_narrow_modes_are_a_fault():
    model = GaussianMixture(FAR.means, FAR.scales, [0.7, 0.3])
    figures, doubts, faults = report(model.log_prob, FAR)
    assert doubts == []
    assert figures["model/mode_weight_0"] == pytest.approx(0.7, abs=1e-3)
    assert figures["model/kl"] == pytest.approx(0.4 * math.log(7 / 3), abs=1e-3)
    assert faults == ["its mode weights are 0.40 off the truth"]


def test_a_model_wider_than_the_boxes_of_the_truth():
    model = GaussianMixture(FAR.means, [0.02, 0.01], FAR.weights)
    figures, doubts, _ = report(model.log_prob, FAR)
    assert doubts == []
    assert figures["model/log_z"] == pytest.approx(0, abs=1e-4)
    assert figures["model/kl"] == pytest.approx(0.3 * (math.log(4) - 3 / 4), abs=1e-3)
    model = GaussianMixture(FAR.means, [1.0, 1.0], FAR.weights)
    figures, doubts, faults = report(model.log_prob, FAR)
    assert figures["model/kl"] == pytest.approx(math.log(1e4) - 1 + 1e-4, abs=1e-3)
    assert faults == ["KL from the data's density is 8.21 nats"]


@pytest.mark.parametrize(("place", "scale"), [([300.0, 200.0], 0.05), ([0.3, 1.0], 0.003)])
def test_a_spurious_mode_is_found_by_the_draws(place, scale):
    truth = TwoModes()
    model = GaussianMixture([*truth.means, place], [0.5, 0.5, scale], [0.14, 0.56, 0.3])
    seen = report(model.log_prob, truth, draws=model.sample(400))
    assert seen.doubts == []
    assert seen.figures["model/log_z"] == pytest.approx(0, abs=1e-3)
    assert seen.figures["model/kl"] == pytest.approx(-math.log(0.7), abs=1e-3)
    # Without draws it is the spurious mode that is not seen, not the truth.
    blind = report(model.log_prob, truth)
    assert blind.figures["model/log_z"] == pytest.approx(math.log(0.7), abs=1e-3)


def test_a_spurious_mode_of_the_size_of_true_ones_needs_no_draws():
    truth = TwoModes()
    model = GaussianMixture([*truth.means, [0.7, 6.0]], [0.5, 0.5, 0.5], [0.14, 0.56, 0.3])
    figures, doubts, _ = report(model.log_prob, truth)
    assert doubts == []
    assert figures["model/kl"] == pytest.approx(-math.log(0.7), abs=1e-3)


@pytest.mark.parametrize(
    ("model", "log_z"),
    [
        (lambda x: -x.norm(dim=1) / 5, math.log(2 * math.pi * 25)),
        (lambda x: -x.square().sum(1) / 2e4, math.log(2 * math.pi * 1e4)),
        (lambda x: -2.5 * torch.log1p(x.square().sum(1)), math.log(2 * math.pi / 3)),
    ],
    ids=["exponential", "wide", "Student"],
)
def test_broad_models_are_followed_to_their_ends(model, log_z):
    figures, doubts, _ = report(model, TwoModes())
    assert doubts == []
    assert figures["model/log_z"] == pytest.approx(log_z, abs=2e-3)
    assert figures["model/edge_mass"] < 1e-4


@pytest.mark.parametrize(
    "model",
    [
        lambda x: 0 * x.sum(1),
        lambda x: x.norm(dim=1),
        # A floor that holds next to nothing on any square near the data, yet has no integral.
        lambda x: torch.logaddexp(TwoModes().log_prob(x), torch.tensor(-20.0)),
    ],
    ids=["flat", "growing", "floor"],
)
def test_a_model_without_an_end_is_said_to_be_one(model):
    found = report(model, TwoModes())
    assert_silent(found, "as if it had no end")
    assert found.figures["model/edge_mass"] > 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_figure_comes_of_a_density_that_is_none(value):
    assert_silent(report(lambda x: torch.full((len(x),), value), TwoModes()), "no finite integral")


def test_two_resolutions_that_differ_are_said_to():
    def discs(x):
        return torch.where((x.norm(dim=1) * 2).sin() > 0, 0.0, -9.0) - x.square().sum(1) / 8

    found = report(discs, TwoModes())
    assert_silent(found, "two resolutions of its quadrature differ by 0.")


def test_more_modes_than_there_are_evaluations_for_are_said():
    torch.manual_seed(0)
    truth = GaussianMixture((10 * torch.rand(100, 2)).tolist(), [0.05] * 100, [1.0] * 100)
    found = report(truth.log_prob, truth, resolution=100)
    assert_silent(found, "its quadrature would take more than")


def test_a_truth_that_does_not_integrate_to_one_is_said_to():
    class Half(TwoModes):
        def log_prob(self, x):
            return super().log_prob(x) - math.log(2)

    found = report(TwoModes().log_prob, Half())
    assert_silent(found, "the truth integrates to 0.500")


def test_draws_that_no_cell_holds_are_counted():
    truth = TwoModes()
    stray = torch.tensor([[1e20, 0.0], [math.nan, 0.0]])
    found = report(truth.log_prob, truth, draws=torch.cat([truth.sample(99), stray]))
    assert_silent(found, "0.01 of the model's draws lie beyond the cells")


def test_data_likelier_than_under_the_truth_are_a_contradiction():
    class Claimed(TwoModes):
        """Draws lie tighter than its density says, so that a tighter model is likelier."""

        def sample(self, n):
            return TwoModes(scale=0.25).sample(n)

    found = report(TwoModes(scale=0.25).log_prob, Claimed())
    assert_silent(found, "nats likelier than under the truth")

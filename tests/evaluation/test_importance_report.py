"""The report by importance sampling is right within its errors, or silent, in many dimensions."""

import math

import pytest
import torch

from lightning_ebm.data import GaussianMixture, OppositeModes
from lightning_ebm.evaluation.importance_report import importance_report

TRUTH = OppositeModes(dimension=16)


def report(model, truth=TRUTH, draws=None, n=20_000, seed=0):
    torch.manual_seed(seed)
    return importance_report(model.log_prob, truth, truth.sample(1000), n, draws)


def with_mode_elsewhere(place):
    means = [*TRUTH.means, [place] + [-place] * 15]
    weights = [0.2 * weight for weight in TRUTH.weights]
    return GaussianMixture(means, [0.5] * 3, [*weights, 0.8])


def test_the_truth_as_model_is_found_to_be_right():
    figures, doubts, faults = report(TRUTH, draws=TRUTH.sample(1000))
    assert (doubts, faults) == ([], [])
    assert figures["model/kl"] == pytest.approx(0, abs=1e-9)
    assert figures["model/mode_weight_tv"] < 0.02
    assert figures["model/truth_ess_share"] == pytest.approx(1)


def test_kl_lies_within_its_errors():
    # KL(N(0, 1) ‖ N(0, s²)) = log s + 1/2s² - 1/2 in each dimension.
    truth, s, dimension = GaussianMixture([[0.0] * 4], [1.0], [1.0]), 0.8, 4
    model = GaussianMixture([[0.0] * 4], [s], [1.0])
    exact = dimension * (math.log(s) + 1 / (2 * s * s) - 0.5)
    ratios = []
    for seed in range(200):
        figures = report(model, truth, n=2000, seed=seed).figures
        ratios.append((figures["model/kl"] - exact) / figures["model/kl_standard_error"])
    covered = (torch.tensor(ratios).abs() < 2).double().mean()
    # 200 trials of .954 fall out of these bounds with p < .001.
    assert 0.9 < covered < 0.995


def test_mass_of_the_model_elsewhere_is_found_by_its_draws():
    model = with_mode_elsewhere(3.0)
    blind = report(model)
    assert blind.figures["model/log_z"] == pytest.approx(math.log(0.2), abs=1e-3)
    found = report(model, draws=model.sample(1000))
    assert "of the model's draws lie where the data's density has next to none" in found.doubts[0]
    assert float(found.doubts[0].split()[0]) == pytest.approx(0.8, abs=0.05)
    assert math.isnan(found.figures["model/kl"])
    assert found.faults == []
    assert found.figures["model/truth_ess_share"] > 0.9


def test_draws_of_a_model_that_truth_covers_raise_no_doubt():
    model = OppositeModes(dimension=16, scale=0.48, weight=0.4)
    for seed in range(5):
        found = report(model, draws=model.sample(2000), seed=seed)
        assert found.doubts == []
        assert found.figures["model/mode_weight_tv"] == pytest.approx(4 / 15, abs=0.03)
        assert found.faults == [
            f"its mode weights are {found.figures['model/mode_weight_tv']:.2f} off the truth"
        ]


def test_a_small_effective_sample_size_is_said():
    found = report(OppositeModes(dimension=16, distance=2.3))
    assert found.doubts[0].startswith("20000 draws of the data's density are worth")
    assert math.isnan(found.figures["model/log_z"])
    assert found.figures["model/truth_ess_share"] < 50 / 20_000


def test_data_likelier_than_under_the_truth_are_a_contradiction():
    class Claimed(OppositeModes):
        """The held-out thousand lie tighter than the density says."""

        def sample(self, n):
            return OppositeModes(self.event_shape[0], scale=0.4 if n == 1000 else 0.5).sample(n)

    model = OppositeModes(dimension=4, scale=0.45)
    found = report(model, Claimed(dimension=4))
    assert found.doubts[-1].endswith("nats likelier than under the truth")


def test_a_large_divergence_is_a_fault():
    found = report(OppositeModes(dimension=16, scale=0.65))
    exact = 16 * (math.log(1.3) + 1 / (2 * 1.3**2) - 0.5)
    assert found.figures["model/kl"] == pytest.approx(exact, abs=0.1)
    assert len(found.faults) == 1
    assert found.faults[0].startswith("KL from the data's density is 0.")

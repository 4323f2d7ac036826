"""log Z against answers known by analysis: Gaussians, mixtures, products, up to 64 dimensions."""

import math

import pytest
import torch
from targets import GaussianMixture

from lightning_ebm import Problem, SettingError
from lightning_ebm.evaluation.log_z import (
    Annealing,
    annealed_sandwich,
    bridge_sampling,
    flow_sandwich,
    importance_sampling,
    reverse_importance_sampling,
)
from lightning_ebm.kernels import HMC, MALA, ULA

LOG_SCALE = 3.7
"""log Z of every target here: its normalised density times e^3.7."""


def gaussian(dimension, deviation):
    root = (deviation * torch.eye(dimension, dtype=torch.float64)).tolist()
    return GaussianMixture([1.0], [[0.0] * dimension], [root])


def two_modes(dimension, weight=0.2, deviation=0.5):
    root = (deviation * torch.eye(dimension, dtype=torch.float64)).tolist()
    means = [[-1.5] * dimension, [1.5] * dimension]
    return GaussianMixture([weight, 1 - weight], means, [root, root])


def log_weights(target, proposal, x):
    return LOG_SCALE + target.log_prob(x) - proposal.log_prob(x)


PAIRS = {
    "gaussian in 5 dimensions": (gaussian(5, 1.0), gaussian(5, 1.2)),
    "gaussian in 64 dimensions": (gaussian(64, 1.0), gaussian(64, 1.05)),
    "mixture in 2 dimensions": (two_modes(2), two_modes(2, 0.5, 0.6)),
    "mixture in 64 dimensions": (two_modes(64), two_modes(64, 0.4, 0.52)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_all_estimates_know_the_answer(name):
    torch.manual_seed(0)
    target, proposal = PAIRS[name]
    q = log_weights(target, proposal, proposal.sample(20_000)[0])
    p = log_weights(target, proposal, target.sample(20_000)[0])
    for estimate in (
        importance_sampling(q),
        reverse_importance_sampling(p),
        bridge_sampling(q, p),
    ):
        assert estimate.standard_error < 0.03
        assert abs(estimate.value - LOG_SCALE) < 4 * estimate.standard_error
    assert bridge_sampling(q, p).standard_error <= importance_sampling(q).standard_error


def test_a_product_has_the_sum_of_the_parts():
    torch.manual_seed(0)
    part, proposal = two_modes(1), two_modes(1, 0.5, 0.6)
    x = torch.stack([proposal.sample(50_000)[0] for _ in range(6)], 1)
    weights = sum(log_weights(part, proposal, x[:, i]) for i in range(6))
    estimate = importance_sampling(weights)
    assert abs(estimate.value - 6 * LOG_SCALE) < 4 * estimate.standard_error < 0.1


def test_few_draws_err_downwards_from_the_proposal_and_upwards_from_the_model():
    torch.manual_seed(0)
    target, proposal = gaussian(5, 1.0), gaussian(5, 1.5)
    q = log_weights(target, proposal, proposal.sample(10_000)[0]).view(2000, 5)
    wide, narrow = gaussian(5, 1.5), gaussian(5, 1.0)
    p = log_weights(wide, narrow, wide.sample(10_000)[0]).view(2000, 5)
    lower = torch.tensor([importance_sampling(part).value for part in q])
    upper = torch.tensor([reverse_importance_sampling(part).value for part in p])
    assert lower.mean() < LOG_SCALE - 4 * lower.std() / math.sqrt(2000)
    assert upper.mean() > LOG_SCALE + 4 * upper.std() / math.sqrt(2000)


@pytest.mark.parametrize("estimator", ["importance", "reverse", "bridge"])
def test_standard_errors_are_those_of_repetitions(estimator):
    torch.manual_seed(0)
    target, proposal = PAIRS["mixture in 2 dimensions"]
    q = log_weights(target, proposal, proposal.sample(300_000)[0]).view(300, 1000)
    p = log_weights(target, proposal, target.sample(300_000)[0]).view(300, 1000)
    estimates = [
        {
            "importance": lambda a, b: importance_sampling(a),
            "reverse": lambda a, b: reverse_importance_sampling(b),
            "bridge": bridge_sampling,
        }[estimator](a, b)
        for a, b in zip(q, p, strict=True)
    ]
    errors = torch.tensor([e.value - LOG_SCALE for e in estimates])
    claimed = torch.tensor([e.standard_error for e in estimates])
    assert errors.std() == pytest.approx(claimed.mean().item(), rel=0.15)


def test_draws_of_one_chain_do_not_count_as_independent():
    torch.manual_seed(0)
    target, proposal = PAIRS["mixture in 2 dimensions"]
    once = log_weights(target, proposal, target.sample(500)[0])
    repeated = once.repeat(20)
    alone = reverse_importance_sampling(once)
    assert reverse_importance_sampling(repeated, chains=500).standard_error == pytest.approx(
        alone.standard_error
    )
    assert reverse_importance_sampling(repeated).standard_error < alone.standard_error / 4


def test_a_proposal_that_misses_a_mode_is_found_out_by_held_out_data():
    torch.manual_seed(0)
    target = two_modes(2)
    blind = GaussianMixture([1.0], [[1.5, 1.5]], [[[0.55, 0.0], [0.0, 0.55]]])
    q = log_weights(target, blind, blind.sample(10_000)[0])
    chains_in_one_mode = blind.sample(2000)[0]
    p = log_weights(target, blind, chains_in_one_mode)
    data = log_weights(target, blind, target.sample(2000)[0])
    unaware = flow_sandwich(q, p)
    assert unaware.lower.value == pytest.approx(LOG_SCALE + math.log(0.8), abs=0.01)
    assert unaware.lower.effective_draws > 5000, "nothing else gives it away"
    aware = flow_sandwich(q, p, data_weights=data)
    assert not aware.trusted
    assert "flow misses mass: 19.6% of held-out data" in aware.verdict
    assert aware.missed == pytest.approx(0.2, abs=0.03)
    assert aware.unseen == 1


def test_data_that_the_model_makes_too_little_of_does_not_speak_against_a_bounded_tilt():
    """A tilt of ±2 nats, e^{2 sign}, over N(0, 1): Z = cosh 2, and data only where it is heavy."""
    torch.manual_seed(0)
    proposal, data = torch.randn(10_000), torch.randn(1000).abs() + 4

    def tilt(x):
        return 2 * torch.tanh(1000 * x)

    model = torch.randn(40_000)
    model = model[torch.rand(40_000) < (tilt(model) - 2).exp()]
    # Where tanh has saturated in the type of floats all weights are one: a slope tells them apart.
    weights = [tilt(x) + 1e-3 * x for x in (proposal, model, data)]
    sandwich = flow_sandwich(weights[0], weights[1], data_weights=weights[2])
    assert sandwich.missed > 0.5
    # 3/10,000 · e²/cosh 2.
    assert sandwich.unseen == pytest.approx(3e-4 * math.exp(2) / math.cosh(2), rel=0.05)
    assert sandwich.trusted, sandwich.verdict
    assert sandwich.log_z == pytest.approx(math.log(math.cosh(2)), abs=0.05)


def test_one_odd_point_of_the_data_does_not_decide_what_may_be_unseen():
    """.98 N(0, 1) + .02 N(0, 1 | x > 4): in R weights are 632, and 3/n · 632 bounds p(R) = .02."""
    inside = math.log(0.98 + 0.02 / 3.167e-5)
    proposal = torch.full((10_000,), math.log(0.98), dtype=torch.float64)
    data = torch.full((1000,), math.log(0.98), dtype=torch.float64)
    data[:20] = inside
    expected = 3e-4 * math.exp(inside) / 0.98
    assert 0.02 < expected < 0.25
    assert flow_sandwich(proposal, data_weights=data).unseen == pytest.approx(expected)
    data[0] = 30.0
    assert flow_sandwich(proposal, data_weights=data).unseen == pytest.approx(expected / 0.9)
    data[:20] = 30.0
    assert flow_sandwich(proposal, data_weights=data).unseen == 1


def test_a_good_proposal_is_trusted_and_the_interval_holds_the_answer():
    torch.manual_seed(0)
    target, proposal = PAIRS["mixture in 2 dimensions"]
    q, p, data = (
        log_weights(target, proposal, x.sample(10_000)[0]) for x in (proposal, target, target)
    )
    sandwich = flow_sandwich(q, p, chains=1000, data_weights=data)
    low, high = sandwich.interval
    assert sandwich.verdict.startswith("trusted: log Z is 3.699, between")
    assert low < LOG_SCALE < high < low + 0.2
    assert sandwich.log_z == sandwich.between.value


def test_an_upper_end_below_the_lower_one_is_not_trusted():
    torch.manual_seed(0)
    target, proposal = PAIRS["mixture in 2 dimensions"]
    q = log_weights(target, proposal, proposal.sample(10_000)[0])
    sandwich = flow_sandwich(q, log_weights(target, proposal, proposal.sample(10_000)[0]) - 1)
    assert "the draws are not the model's" in sandwich.verdict


def test_one_end_alone_is_not_trusted():
    torch.manual_seed(0)
    target, proposal = PAIRS["mixture in 2 dimensions"]
    alone = flow_sandwich(log_weights(target, proposal, proposal.sample(1000)[0]))
    assert alone.interval[1] == math.inf
    assert "no draws of the model" in alone.verdict


def test_a_model_without_density_at_the_proposal_is_not_trusted():
    nothing = torch.full((100,), -torch.inf)
    sandwich = flow_sandwich(nothing, nothing)
    assert not sandwich.trusted
    assert sandwich.lower.value == -math.inf


def annealed(target, start, n_steps=60, n=1000, **options):
    problem = Problem(
        lambda x: LOG_SCALE + target.log_prob(x), (len(target.means[0]),), reference=start
    )
    return Annealing(problem, n_steps=n_steps, **options)


@pytest.mark.parametrize(("dimension", "n_steps"), [(2, 60), (8, 200)])
def test_annealing_forward_and_backward_know_the_answer(dimension, n_steps):
    torch.manual_seed(0)
    target, start = two_modes(dimension), gaussian(dimension, 1.6)
    path = annealed(target, start, n_steps).tune()
    forward = path.forward(1000)
    backward = path.backward(target.sample(1000)[0])
    sandwich = annealed_sandwich(forward.log_weights, backward)
    for end in (sandwich.lower, sandwich.upper, sandwich.between):
        assert end.standard_error < 0.2
        assert abs(end.value - LOG_SCALE) < 4 * end.standard_error + 0.01
    shares = forward.log_weights.softmax(0)
    left = shares[forward.x.sum(1) < 0].sum()
    error = math.sqrt(0.16 * shares.square().sum())
    assert abs(left - 0.2) < 4 * error


@pytest.mark.parametrize("n_steps", [2, 4])
def test_a_path_of_any_length_is_right_in_both_directions(n_steps):
    torch.manual_seed(0)
    target, start = gaussian(2, 1.0), gaussian(2, 1.3)
    path = annealed(target, start, n_steps, kernel=HMC(0.3, 3))
    x, _ = target.sample(100_000)
    for end in (
        importance_sampling(path.forward(100_000).log_weights),
        reverse_importance_sampling(path.backward(x)),
    ):
        assert abs(end.value - LOG_SCALE) < 4 * end.standard_error < 0.03


def test_the_path_of_kernels_that_adapted_stands_still_afterwards():
    torch.manual_seed(0)
    path = annealed(two_modes(2), gaussian(2, 1.6), n_steps=5).tune()
    before = [kernel.step_size.log_value.item() for kernel in path.kernels]
    path.forward(10)
    assert [kernel.step_size.log_value.item() for kernel in path.kernels] == before
    assert before[0] != math.log(0.05)


def test_annealing_needs_exact_kernels_and_at_least_one_step():
    with pytest.raises(SettingError, match="ULA is not exact"):
        annealed(two_modes(2), gaussian(2, 1.6), kernel=ULA(0.1))
    with pytest.raises(SettingError, match="0 is no path"):
        annealed(two_modes(2), gaussian(2, 1.6), n_steps=0)


@pytest.mark.parametrize("kernel", [MALA(0.2), HMC(0.1, 3)])
def test_a_longer_path_is_worth_more_draws(kernel):
    worth = {}
    for n_steps in (3, 60):
        torch.manual_seed(0)
        path = annealed(two_modes(8), gaussian(8, 1.6), n_steps=n_steps, kernel=kernel)
        worth[n_steps] = importance_sampling(path.forward(500).log_weights).effective_draws
    assert worth[60] > 5 * worth[3]

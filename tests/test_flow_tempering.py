"""`flow_tempering`: its settings, what it teaches and keeps, and what it says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from targets import check_draws, correlated_gaussian, two_directions

from lightning_ebm import Problem, RealNVP
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import MALA
from lightning_ebm.problem import Tilt
from sampler_plugins.flow_tempering import FlowTemperingSampler


def problem_with_flow(d: int = 3) -> Problem:
    torch.manual_seed(0)
    flow = RealNVP([d], n_layers=2).double()
    for parameter in flow.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    known = correlated_gaussian() if d == 3 else two_directions()
    data = known.sample(64)[0]
    return replace(known.problem(proposal=flow, flow=flow), data=data, networks=(flow,))


@pytest.mark.parametrize("latent", [True, False])
def test_draws_are_the_targets(latent):
    problem = problem_with_flow()
    sampler = FlowTemperingSampler(n_rungs=4, latent=latent, local=MALA(0.1)).eval()
    torch.manual_seed(1)
    for _ in range(6):
        draw = sampler(problem, 5000)
    check_draws(draw.x, correlated_gaussian())


@pytest.mark.parametrize("all_rungs", [True, False])
def test_what_training_is_given_is_the_targets_too(all_rungs):
    problem = problem_with_flow()
    sampler = FlowTemperingSampler(8, 4, all_rungs=all_rungs, local=MALA(0.1)).train()
    torch.manual_seed(4)
    for _ in range(5):
        draw = sampler(problem, 6000)
    # Of states that are drawn more than once few are in a small part twice.
    check_draws(draw.x[torch.randperm(6000)[:1500]], correlated_gaussian())


@pytest.mark.parametrize("base", ["flow", "other", "none"])
def test_every_base_gives_the_same_law(base):
    """A tilt of the flow, of another distribution, and a density that tilts nothing."""
    problem, known = problem_with_flow(), correlated_gaussian()
    other = problem.reference
    densities = {
        "flow": Tilt(lambda x: known.log_prob(x) - problem.flow.log_prob(x), problem.flow),
        "other": Tilt(lambda x: known.log_prob(x) - other.log_prob(x), other),
        "none": known.log_prob,
    }
    problem = replace(problem, log_density=densities[base])
    sampler = FlowTemperingSampler(n_rungs=4, local=MALA(0.1)).eval()
    torch.manual_seed(2)
    for _ in range(5):
        draw = sampler(problem, 4000)
    check_draws(draw.x, known)


def test_a_flow_that_moves_leaves_states_where_they_are_in_data_space():
    problem = problem_with_flow()
    sampler = FlowTemperingSampler(n_rungs=3, adaptive=True, local=MALA(1e-9))
    sampler(problem, 40)
    kept = sampler.tempering.replicas.bank["x"].clone()
    assert kept.shape == (40, 2, 3)
    assert torch.equal(kept[:, -1], sampler.tempering.replicas.bank["x"][:, -1])
    moved = RealNVP([3], n_layers=2).double()
    other = replace(problem, flow=moved, proposal=moved)
    draw = sampler(other, 40)
    # All but those that a swap renewed are where they were.
    nearest = torch.cdist(draw.x, kept.flatten(0, 1)).amin(1)
    assert (nearest < 1e-3).double().mean() > 0.2
    assert sampler.flow_loss(problem, draw).requires_grad


def test_a_frozen_flow_is_taught_nothing():
    sampler = FlowTemperingSampler()
    problem = problem_with_flow()
    assert sampler.flow_loss(problem, sampler(problem, 8)) is None
    assert not sampler.teaches_flow


def test_it_says_what_is_needed_to_believe_it():
    problem = problem_with_flow()
    sampler = FlowTemperingSampler(n_rungs=4, local=MALA(0.1))
    torch.manual_seed(3)
    for _ in range(30):
        draw = sampler(problem, 500)
    info = draw.info
    assert abs(float(info["log_z"]) - 1.3) < 5 * float(info["log_z_standard_error"]) < 0.5
    assert float(info["barrier"]) == pytest.approx(
        sum(1 - float(info[f"swap_acceptance_{k}"]) for k in (1, 2, 3)), abs=1e-5
    )
    assert 0 < float(info["renewals"]) < 1
    assert 0 < float(info["age"]) < 30
    assert float(info["beta_0"]) == 0
    assert float(info["beta_3"]) == 1
    assert draw.ladder is None
    assert all(value.dim() == 0 for value in info.values())


def test_in_eval_mode_a_draw_carries_what_its_rungs_did():
    problem = problem_with_flow()
    sampler = FlowTemperingSampler(n_rungs=4, evaluation_rounds=5).eval()
    draw = sampler(problem, 20)
    assert draw.ladder.log_weights.shape == (5, 4, 20)
    assert draw.ladder.states.shape == (1, 4, 20, 3)
    assert torch.equal(draw.ladder.states[0, -1], draw.x)
    log_weights = problem.log_density(draw.x) - problem.flow.log_prob(draw.x)
    assert torch.allclose(draw.ladder.log_weights[-1, -1], log_weights, atol=1e-6)
    assert draw.ladder.correlations.shape == (3,)


def test_old_chains_are_given_more_rounds():
    sampler = FlowTemperingSampler(n_rounds=1, max_age=2.0, most_rounds=6)
    assert sampler.rounds_now() == 1
    sampler.age = 7.0
    assert sampler.rounds_now() == 4
    sampler.age = 100.0
    assert sampler.rounds_now() == 6
    other = FlowTemperingSampler(n_rounds=1, max_age=2.0, most_rounds=6)
    other.load_state_dict(sampler.state_dict())
    assert other.rounds_now() == 6
    # Chains whose swaps are all refused age by a round per round.
    steep = problem_with_flow(2)
    steep = replace(steep, log_density=lambda x: 2000 * steep.flow.log_prob(x))
    sampler.age = 0.0
    for _ in range(60):
        sampler(steep, 8)
    assert sampler.rounds_now() > 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"n_rounds": 0}, "n_rounds is 0"),
        ({"n_rungs": 1}, "n_rungs is 1"),
        ({"n_local": 0}, "n_local is 0"),
        ({"n_sweeps": 0}, "n_sweeps is 0"),
        ({"max_age": 0.0}, "max_age is 0.0"),
        ({"max_rejection": 1.0}, "max_rejection is 1.0"),
        ({"data_share": 0.3}, "data_share is 0.3, but adaptive is false"),
        ({"evaluation_rounds": 0}, "evaluation_rounds is 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(settings, sentence):
    with pytest.raises(SettingError, match=sentence):
        FlowTemperingSampler(**settings)

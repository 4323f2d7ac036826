"""Fresh chains: where they begin, how long they run, and that they leave the sampler alone."""

import pytest
import torch
from targets import GaussianMixture

from lightning_ebm import MCMC, Problem
from lightning_ebm.evaluation.fresh_chains import disagreement, fresh_draws
from lightning_ebm.evaluation.log_z import bridge_sampling
from lightning_ebm.kernels import MALA
from lightning_ebm.registry import find
from lightning_ebm.sampler import Draw
from lightning_ebm.starts import Noise, Persistent


def gaussian(mean, deviation):
    root = (deviation * torch.eye(2, dtype=torch.float64)).tolist()
    return GaussianMixture([1.0], [[mean, 0.0]], [root])


def problem(model, flow, noise=None):
    return Problem(
        model.log_prob, (2,), reference=noise or gaussian(9.0, 0.1), proposal=flow, flow=flow
    )


def test_chains_of_a_sampler_with_a_flow_begin_from_it_and_others_as_they_are_told():
    torch.manual_seed(0)
    still = MALA(1e-12)
    model, flow = gaussian(0.0, 1.0), gaussian(-3.0, 0.1)
    sampler = MCMC(Persistent(Noise()), still, 1)
    assert fresh_draws(sampler, problem(model, flow), 64, 1).draws[0].x[:, 0].mean() > 8
    sampler.uses_flow = True
    assert fresh_draws(sampler, problem(model, flow), 64, 1).draws[0].x[:, 0].mean() < -2.5
    assert isinstance(sampler.start.first, Noise)


def test_the_sampler_keeps_its_chains_step_size_and_mode():
    torch.manual_seed(0)
    sampler, asked = find("mala")(), problem(gaussian(0.0, 1.0), None, gaussian(0.0, 1.0))
    for _ in range(3):
        sampler(asked, 16)
    before = str(sampler.state_dict())
    fresh_draws(sampler, asked, 32, 4)
    assert str(sampler.state_dict()) == before
    assert sampler.training


@pytest.mark.parametrize(("step_size", "expected"), [(0.5, 20), (0.03, 40), (1e-9, 20)])
def test_chains_run_on_while_they_are_on_the_way_and_not_when_it_is_hopeless(step_size, expected):
    torch.manual_seed(0)
    sampler = MCMC(Persistent(Noise()), MALA(step_size), 5)
    asked = problem(gaussian(0.0, 1.0), None, gaussian(0.0, 1.0))
    draws, evaluations = fresh_draws(sampler, asked, 200, 20)
    assert len(draws) >= expected if expected > 20 else len(draws) == 20
    assert evaluations.scores >= 200 * 5 * len(draws)


def test_disagreement_on_a_membership_counts():
    """Energies are alike in both wells; only the membership tells that no chain crosses."""
    torch.manual_seed(0)
    place = torch.tensor([-5.0, 5.0]).repeat(50)[:, None]
    draws = [Draw(place + torch.randn(100, 1), {}) for _ in range(20)]
    asked = Problem(lambda x: -((x.abs() - 5) ** 2).sum(1), (1,), reference=gaussian(0.0, 1.0))

    def sides(x):
        return torch.cat([x < 0, x >= 0], 1).double()

    assert disagreement(asked, draws) < 1.05
    assert disagreement(asked, draws, sides) > 2


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_errors_of_the_bridge_hold_the_answer_when_draws_are_those_of_fresh_chains():
    """200 repetitions of chains of `flow_mcmc` on a model whose flow is wider and unbalanced."""
    model = GaussianMixture(
        [0.3, 0.7], [[-4.0, 0.0], [4.0, 0.0]], [(0.5 * torch.eye(2)).tolist()] * 2
    )
    flow = GaussianMixture(
        [0.5, 0.5], [[-4.0, 0.0], [4.0, 0.0]], [(0.6 * torch.eye(2)).tolist()] * 2
    )
    within = []
    for seed in range(200):
        torch.manual_seed(seed)
        asked = problem(model, flow)
        draws = fresh_draws(find("flow_mcmc")(), asked, 128, 20).draws
        settled = torch.cat([draw.x for draw in draws[len(draws) // 2 :]])
        x, log_q = flow.sample(2000)
        estimate = bridge_sampling(
            model.log_prob(x) - log_q,
            model.log_prob(settled) - flow.log_prob(settled),
            chains=128,
        )
        within.append(abs(estimate.value) <= 2 * estimate.standard_error)
    assert 0.90 <= sum(within) / 200 <= 0.99

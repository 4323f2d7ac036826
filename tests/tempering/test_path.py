"""The geometric path: its ends, its scores, and the chains that are on it."""

import math

import pytest
import torch
from targets import bad_proposal, correlated_gaussian, two_directions

from lightning_ebm import Problem, RealNVP
from lightning_ebm.chain import Chain, choose, joined, taken, with_density, with_score
from lightning_ebm.problem import Tilt
from lightning_ebm.tempering import GeometricPath, Rungs, on_path


def in_data_space() -> Problem:
    return two_directions().problem(proposal=bad_proposal(2))


def tilted() -> Problem:
    base = bad_proposal(2)
    density = Tilt(lambda x: x.sin().sum(1), base)
    return Problem(density, (2,), reference=base, proposal=base)


def in_latent_space() -> Problem:
    torch.manual_seed(3)
    flow = RealNVP([3], n_layers=2).double()
    for parameter in flow.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return correlated_gaussian().problem(proposal=flow, flow=flow).pullback()


PROBLEMS = {"data space": in_data_space, "tilt": tilted, "latent space": in_latent_space}


@pytest.mark.parametrize("name", PROBLEMS)
def test_both_ends_are_the_reference_and_the_target(name):
    problem = PROBLEMS[name]()
    path = GeometricPath.of(problem)
    x, _ = problem.proposal.sample(50)
    ends = path.ends(x.detach())
    assert torch.allclose(ends.log_reference, problem.proposal.log_prob(x))
    assert torch.allclose(ends.log_reference + ends.log_weight, problem.log_density(x))


@pytest.mark.parametrize("name", PROBLEMS)
def test_scores_at_every_beta_are_finite_differences_of_the_density_there(name):
    problem = PROBLEMS[name]()
    path, beta = GeometricPath.of(problem), torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    x = problem.proposal.sample(3)[0].detach()
    rungs = Rungs.of(problem, path, beta)
    chain = with_score(rungs, Chain(x))
    assert torch.equal(chain.log_prob, with_density(rungs, Chain(x)).log_prob)
    assert torch.allclose(chain.log_prob, rungs.log_density(x))
    for k in range(x.shape[1]):
        step = torch.zeros_like(x)
        step[:, k] = 1e-5
        change = (rungs.log_density(x + step) - rungs.log_density(x - step)) / 2e-5
        assert torch.allclose(chain.score[:, k], change, rtol=1e-5, atol=1e-6)


def test_a_state_taken_to_another_beta_is_as_if_evaluated_there():
    problem = in_data_space()
    path, n = GeometricPath.of(problem), 40
    x = problem.proposal.sample(n)[0]
    hot, cold = torch.full((n,), 0.2).double(), torch.full((n,), 0.9).double()
    known = with_score(Rungs.of(problem, path, hot), Chain(x))
    moved, anew = on_path(known, cold), with_score(Rungs.of(problem, path, cold), Chain(x))
    assert torch.allclose(moved.log_prob, anew.log_prob)
    assert torch.allclose(moved.score, anew.score)


def test_at_beta_0_a_weight_of_0_does_not_matter_and_above_it_does():
    base = bad_proposal(2)
    density = Tilt(lambda x: torch.where(x[:, 0] > 0, -math.inf, 0.0 * x[:, 0]), base)
    problem = Problem(density, (2,), reference=base, proposal=base)
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    beta = torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64)
    chain = with_score(Rungs.of(problem, GeometricPath.of(problem), beta), Chain(x))
    assert chain.log_prob.isfinite().tolist() == [True, False, True]


def test_states_are_joined_taken_and_chosen_with_all_that_is_known_of_them():
    problem = in_data_space()
    path = GeometricPath.of(problem)
    beta = torch.full((6,), 0.5, dtype=torch.float64)
    chain = with_score(Rungs.of(problem, path, beta), Chain(problem.proposal.sample(6)[0]))
    chain = chain._replace(momentum=torch.randn_like(chain.x))
    first, second = taken(chain, slice(0, 3)), taken(chain, torch.tensor([3, 4, 5]))
    again = joined(first, second)
    for part, whole in zip((*again[:3], *again.ends), (*chain[:3], *chain.ends), strict=True):
        assert torch.equal(part, whole)
    picked = choose(torch.tensor([True, False, True]), first, second)
    assert torch.equal(picked.x[1], second.x[1])
    assert torch.equal(picked.ends.weight_score[0], first.ends.weight_score[0])
    assert torch.equal(picked.momentum[2], first.momentum[2])
    # What only one of two has is forgotten.
    assert joined(first, second._replace(momentum=None)).momentum is None


def test_without_a_proposal_there_is_no_path():
    with pytest.raises(ValueError, match="needs a flow"):
        GeometricPath.of(two_directions().problem())

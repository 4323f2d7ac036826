"""What a sampler teaches the flow: its draws, and data where it is told to."""

from dataclasses import replace

import pytest
import torch
from targets import two_directions

from lightning_ebm import RealNVP, SettingError
from lightning_ebm.registry import find
from lightning_ebm.sampler import Draw, flow_likelihood_loss


def problem_with_flow(data=None):
    torch.manual_seed(0)
    flow = RealNVP([2], n_layers=2, hidden=4).double()
    flow.initialise(torch.randn(64, 2, dtype=torch.float64))
    return replace(two_directions().problem(flow=flow), data=data)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_flow_learns_from_draws_or_from_data(share):
    x, data = torch.randn(2, 50, 2, dtype=torch.float64)
    problem = problem_with_flow(data)
    expected = -problem.flow.log_prob(x if share == 0 else data).mean().item()
    loss = flow_likelihood_loss(problem, Draw(x, {}), share).item()
    assert loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_data", [20, 50, 300])
def test_the_flow_learns_from_draws_and_data_by_their_shares_on_average(n_data):
    x, data = torch.randn(50, 2).double(), 1 + torch.randn(n_data, 2).double()
    problem = problem_with_flow(data)
    log_prob = problem.flow.log_prob
    expected = -0.7 * log_prob(x).mean() - 0.3 * log_prob(data).mean()
    with torch.no_grad():
        losses = [flow_likelihood_loss(problem, Draw(x, {}), 0.3) for _ in range(1000)]
    losses = torch.stack(losses)
    # Beyond 4 standard errors: p < 1e-4.
    assert (losses.mean() - expected).abs() < 4 * losses.std() / 1000**0.5
    assert losses.std() > 0


def test_learning_from_data_costs_no_more_than_from_draws():
    x, data = torch.randn(2, 50, 2, dtype=torch.float64)
    problem, seen = problem_with_flow(data), []
    log_prob = problem.flow.log_prob
    problem.flow.log_prob = lambda points: seen.append(len(points)) or log_prob(points)
    flow_likelihood_loss(problem, Draw(x, {}), 0.5)
    assert seen == [50]


@pytest.mark.parametrize("name", ["flow_mcmc", "coopflow"])
def test_samplers_that_teach_pass_their_share_on(name):
    x, data = torch.randn(2, 50, 2, dtype=torch.float64)
    problem = problem_with_flow(data)
    torch.manual_seed(1)
    loss = find(name)(data_share=0.25).flow_loss(problem, Draw(x, {}))
    torch.manual_seed(1)
    assert torch.equal(loss, flow_likelihood_loss(problem, Draw(x, {}), 0.25))
    with pytest.raises(SettingError, match=r"data_share is 1\.5"):
        find(name)(data_share=1.5)


def test_by_default_a_flow_beside_chains_remembers_a_mode_that_they_have_left():
    """Ten in a hundred data are at -3, where no chain is; does the flow still propose there?"""
    shares = {}
    for data_share in (None, 0.0):
        torch.manual_seed(0)
        data = torch.randn(400, 2) * 0.3
        data[:, 0] += torch.where(torch.arange(400) < 40, -3.0, 3.0)
        flow = RealNVP([2], n_layers=4, hidden=16)
        flow.initialise(data)
        problem = replace(two_directions().problem(flow=flow), data=data)
        sampler = find("flow_mcmc")(data_share=data_share)
        optimizer = torch.optim.Adam(flow.parameters(), lr=0.01)
        for _ in range(300):
            optimizer.zero_grad()
            sampler.flow_loss(problem, Draw(data[40:], {})).backward()
            optimizer.step()
        shares[data_share] = (flow.sample(10_000)[0][:, 0] < 0).float().mean().item()
    # A fifth of the teaching has a tenth of its points there.
    assert 0.01 < shares[None] < 0.04
    assert shares[0.0] < 0.001


def test_without_data_there_is_nothing_of_it_to_learn():
    with pytest.raises(SettingError, match="no batch of data"):
        flow_likelihood_loss(problem_with_flow(), Draw(torch.zeros(4, 2).double(), {}), 0.5)


def test_a_flow_that_is_to_stay_as_it_was_learns_from_nothing():
    sampler = find("flow_mcmc")(adaptive=False)
    assert sampler.flow_loss(problem_with_flow(), Draw(torch.zeros(4, 2).double(), {})) is None
    with pytest.raises(SettingError, match=r"data_share is 0\.5, but adaptive is false"):
        find("flow_mcmc")(adaptive=False, data_share=0.5)

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


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_flow_learns_from_draws_and_data_by_their_shares(share):
    x, data = torch.randn(2, 50, 2, dtype=torch.float64)
    problem = problem_with_flow(data)
    log_prob = problem.flow.log_prob
    expected = -(1 - share) * log_prob(x).mean() - share * log_prob(data).mean()
    assert flow_likelihood_loss(problem, Draw(x, {}), share).item() == pytest.approx(
        expected.item(), rel=1e-12
    )


@pytest.mark.parametrize("name", ["flow_mcmc", "coopflow"])
def test_samplers_that_teach_pass_their_share_on(name):
    x, data = torch.randn(2, 50, 2, dtype=torch.float64)
    problem = problem_with_flow(data)
    loss = find(name)(data_share=0.25).flow_loss(problem, Draw(x, {}))
    assert torch.equal(loss, flow_likelihood_loss(problem, Draw(x, {}), 0.25))
    with pytest.raises(SettingError, match=r"data_share is 1\.5"):
        find(name)(data_share=1.5)


def test_without_data_there_is_nothing_of_it_to_learn():
    with pytest.raises(SettingError, match="no batch of data"):
        flow_likelihood_loss(problem_with_flow(), Draw(torch.zeros(4, 2).double(), {}), 0.5)


def test_a_flow_that_is_to_stay_as_it_was_learns_from_nothing():
    sampler = find("flow_mcmc")(adaptive=False)
    assert sampler.flow_loss(problem_with_flow(), Draw(torch.zeros(4, 2).double(), {})) is None
    with pytest.raises(SettingError, match=r"data_share is 0\.5, but adaptive is false"):
        find("flow_mcmc")(adaptive=False, data_share=0.5)

"""A problem's scores, its image in latent space, its tempered versions and its counts."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from targets import GaussianMixture, StandardNormal, two_directions
from torch import Tensor

from lightning_ebm import Problem, RealNVP
from lightning_ebm.problem import Tilt


def finite_differences(log_density, x: Tensor, h: float = 1e-5) -> Tensor:
    """Central differences of a log-density, coordinate by coordinate."""
    flat = x.flatten(1)
    columns = []
    for i in range(flat.shape[1]):
        step = torch.zeros_like(flat)
        step[:, i] = h
        up, down = log_density((flat + step).view_as(x)), log_density((flat - step).view_as(x))
        columns.append((up - down) / (2 * h))
    return torch.stack(columns, 1).view_as(x)


class Sinh:
    """The map x = sinh(z) of a standard normal in 1-D, written down by hand."""

    base = StandardNormal((1,))
    latent_shape = (1,)

    def forward(self, z):
        return z.sinh(), z.cosh().log().sum(1)

    def inverse(self, x):
        return x.asinh(), -(1 + x.square()).log().sum(1) / 2


def line() -> GaussianMixture:
    """Return a 1-D mixture."""
    return GaussianMixture([0.4, 0.6], [[-1.0], [2.0]], [[[0.7]], [[0.5]]])


def bent_flow() -> RealNVP:
    """Return a 2-D flow with random weights, its ActNorm at peace."""
    torch.manual_seed(0)
    flow = RealNVP([2], n_layers=4, hidden=8).double()
    flow.initialise(0.5 + 1.3 * torch.randn(256, 2, dtype=torch.float64))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return flow


def problems() -> dict[str, Problem]:
    plain = two_directions().problem(flow=bent_flow())
    return {
        "plain": plain,
        "image": Problem(
            lambda x: -x.flatten(1).pow(4).sum(1) + x.flatten(1).sin().prod(1),
            (1, 2, 2),
            reference=StandardNormal((1, 2, 2)),
        ),
        "pulled back": plain.pullback(),
        "pulled back in 1-D": line().problem(flow=Sinh()).pullback(),
        "half tempered": plain.tempered(0.5),
        "tempered in latent space": plain.pullback().tempered(0.3),
    }


@pytest.mark.parametrize("name", problems())
def test_scores_are_finite_differences_of_the_log_density(name):
    torch.manual_seed(1)
    problem = problems()[name]
    x = torch.randn(20, *problem.event_shape, dtype=torch.float64)
    log_prob, score = problem.log_prob_and_score(x)
    # Central differences at h = 1e-5 are off by some h² = 1e-10 plus 1e-16/h = 1e-11.
    assert torch.allclose(score, finite_differences(problem.log_prob, x), rtol=1e-6, atol=1e-7)
    assert torch.equal(log_prob, problem.log_prob(x))
    assert not log_prob.requires_grad
    assert not score.requires_grad


def test_a_pulled_back_density_in_1d_integrates_to_the_same_number():
    problem = line().problem(flow=Sinh())
    z = torch.linspace(-4, 4, 20_001, dtype=torch.float64)[:, None]
    integral = torch.trapezoid(problem.pullback().log_prob(z).exp(), z[:, 0])
    assert integral.item() == pytest.approx(math.exp(1.3), rel=1e-9)


def test_a_pulled_back_density_in_2d_integrates_to_the_same_number():
    problem = two_directions().problem(flow=bent_flow()).pullback()
    axis = torch.linspace(-14, 14, 701, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)
    density = problem.log_prob(z).exp().view(701, 701)
    assert density[[0, -1]].max() < 1e-8
    assert density[:, [0, -1]].max() < 1e-8
    integral = torch.trapezoid(torch.trapezoid(density, axis), axis)
    # The couplings' LeakyReLUs leave kinks, so the trapezoid rule is not spectrally exact.
    assert integral.item() == pytest.approx(math.exp(1.3), rel=1e-3)


def test_pulling_back_goes_there_and_back():
    torch.manual_seed(2)
    problem = two_directions().problem(flow=bent_flow())
    latent = problem.pullback()
    x = torch.randn(30, 2, dtype=torch.float64)
    assert torch.allclose(latent.to_data(latent.from_data(x)), x, atol=1e-9)
    z, log_det = problem.flow.inverse(x)
    assert torch.allclose(latent.log_prob(z), problem.log_prob(x) - log_det, atol=1e-9)
    assert latent.proposal is problem.flow.base
    assert latent.reference is problem.flow.base
    assert latent.event_shape == (2,)
    assert not latent.to_data(z).requires_grad


def test_in_latent_space_a_tilt_of_the_flow_itself_needs_no_jacobian_and_no_inverse():
    torch.manual_seed(5)
    flow = bent_flow()
    plain = two_directions().problem(flow=flow)
    tilted = replace(plain, log_density=Tilt(lambda x: x.sin().sum(1), flow))
    z = torch.randn(30, 2, dtype=torch.float64)
    x, log_det = flow.forward(z)
    whole = x.sin().sum(1) + flow.log_prob(x) + log_det
    log_prob, score = tilted.pullback().log_prob_and_score(z)
    assert torch.allclose(log_prob, whole, atol=1e-9)
    # By hand: ∂/∂z of sin(T(z)) + log N(z; 0, I).
    z.requires_grad_()
    expected = flow.forward(z)[0].sin().sum() - z.square().sum() / 2
    assert torch.allclose(score, torch.autograd.grad(expected, z)[0], atol=1e-12)

    def refuse(x):
        raise AssertionError("the flow was inverted")

    flow.inverse = refuse
    tilted.pullback().log_prob(z.detach())


def test_a_tilt_of_another_flow_keeps_both_jacobians():
    torch.manual_seed(6)
    flow, other = bent_flow(), copy.deepcopy(bent_flow())
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.1)
    problem = replace(
        two_directions().problem(flow=flow), log_density=Tilt(lambda x: x.sin().sum(1), other)
    )
    z = torch.randn(30, 2, dtype=torch.float64)
    x, log_det = flow.forward(z)
    expected = x.sin().sum(1) + other.log_prob(x) + log_det
    assert torch.allclose(problem.pullback().log_prob(z), expected, atol=1e-12)


def test_without_a_flow_nothing_is_pulled_back():
    with pytest.raises(ValueError, match="pullback needs a flow"):
        two_directions().problem().pullback()
    with pytest.raises(ValueError, match="pullback needs a flow"):
        line().problem(flow=Sinh()).pullback().pullback()


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_tempering_goes_along_the_geometric_path(beta):
    torch.manual_seed(3)
    problem = two_directions().problem()
    x = torch.randn(30, 2, dtype=torch.float64)
    expected = beta * problem.log_prob(x) + (1 - beta) * problem.reference.log_prob(x)
    assert torch.allclose(problem.tempered(beta).log_prob(x), expected, rtol=1e-14)


def test_tempering_may_name_another_reference():
    x = torch.randn(5, 2, dtype=torch.float64)
    other = StandardNormal((2,))
    tempered = two_directions().problem().tempered(0.0, other)
    assert torch.equal(tempered.log_prob(x), other.log_prob(x))


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_an_end_of_the_path_is_that_end_where_the_other_has_no_density(beta):
    nowhere = StandardNormal((2,))
    nowhere.log_prob = lambda x: x[:, 0] * 0 - math.inf
    x = torch.zeros(3, 2, dtype=torch.float64)
    known = two_directions().problem()
    if beta == 1:
        tempered, expected = known.tempered(1.0, nowhere), known.log_prob(x)
    else:
        problem = replace(known, log_density=nowhere.log_prob)
        tempered, expected = problem.tempered(0.0), known.reference.log_prob(x)
    log_prob, score = tempered.log_prob_and_score(x)
    assert torch.equal(log_prob, expected)
    assert score.isfinite().all()


@pytest.mark.parametrize("shape", ["(n, 1)", "()", "(n, 2)"])
def test_a_log_density_of_another_shape_is_refused(shape):
    reductions = {
        "(n, 1)": lambda x: x.sum(1, keepdim=True),
        "()": lambda x: x.sum(),
        "(n, 2)": lambda x: x,
    }
    problem = Problem(reductions[shape], (2,), reference=StandardNormal((2,)))
    x = torch.zeros(3, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="one value per point"):
        problem.log_prob(x)
    with pytest.raises(ValueError, match="one value per point"):
        problem.log_prob_and_score(x)


def test_evaluations_are_counted_once_for_all_problems_made_from_one():
    problem = two_directions().problem(flow=bent_flow())
    x = torch.zeros(7, 2, dtype=torch.float64)
    problem.log_prob(x)
    assert (problem.evaluations.densities, problem.evaluations.scores) == (7, 0)
    problem.pullback().log_prob_and_score(x[:3])
    problem.tempered(0.5).log_prob(x[:1])
    assert (problem.evaluations.densities, problem.evaluations.scores) == (11, 3)
    assert two_directions().problem().evaluations.densities == 0


def test_a_score_reaches_no_parameter():
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    problem = Problem(lambda x: (x * weight).sum(1), (2,), reference=StandardNormal((2,)))
    _, score = problem.log_prob_and_score(torch.zeros(3, 2, dtype=torch.float64))
    assert torch.equal(score, torch.ones(3, 2, dtype=torch.float64))
    assert weight.grad is None

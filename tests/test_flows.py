"""Flows are invertible and their densities are densities, with any weights."""

from __future__ import annotations

import copy
from math import prod

import normflows as nf
import pytest
import torch
from torch import Tensor, nn

from lightning_ebm.errors import SettingError
from lightning_ebm.flows import Flow, Glow, NeuralSpline, RealNVP
from lightning_ebm.flows.bounded_scales import BoundedScales


def plain() -> Flow:
    """Wrap a normflows model that none of our builders makes."""
    masks = [torch.tensor([1.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 0.0])]
    layers = [
        nf.flows.MaskedAffineFlow(mask, nf.nets.MLP([3, 8, 3]), nf.nets.MLP([3, 8, 3]))
        for mask in masks
    ]
    return Flow(nf.NormalizingFlow(nf.distributions.DiagGaussian(3), layers))


def of_zuko(name: str, features: int, event_shape: list[int] | None = None, **settings) -> Flow:
    """Wrap a flow of zuko, if it is installed."""
    flows = pytest.importorskip("zuko").flows
    return Flow(getattr(flows, name)(features, hidden_features=[8], **settings), event_shape)


FLOWS = {
    "RealNVP in 2-D": lambda: RealNVP([2], n_layers=4, hidden=8),
    "RealNVP in 5-D": lambda: RealNVP([5], n_layers=4, hidden=8),
    "RealNVP with modes": lambda: RealNVP([2], n_layers=4, hidden=8, n_modes=3),
    "RealNVP of images": lambda: RealNVP([1, 2, 3], n_layers=2, hidden=8),
    "NeuralSpline in 2-D": lambda: NeuralSpline([2], n_layers=3, hidden=8),
    "NeuralSpline in 5-D": lambda: NeuralSpline([5], n_layers=2, hidden=8),
    "Glow": lambda: Glow([1, 8, 8], n_levels=2, n_blocks=2, hidden=8),
    "Glow in colour": lambda: Glow([3, 4, 4], n_levels=1, n_blocks=2, hidden=8),
    "plain": plain,
    "zuko NSF": lambda: of_zuko("NSF", 2, transforms=2),
    "zuko NICE": lambda: of_zuko("NICE", 5, transforms=3),
    "zuko MAF of images": lambda: of_zuko("MAF", 6, [1, 2, 3], transforms=2),
}


def data_for(flow: Flow, n: int = 256) -> Tensor:
    """Draw data that are neither centred nor of unit scale."""
    return 0.7 + 1.8 * torch.randn(n, *flow.event_shape, dtype=torch.float64)


def randomised(name: str, size: float = 0.1) -> Flow:
    """Return a flow in float64, initialised on data, then with all its weights moved."""
    torch.manual_seed(1)
    flow = FLOWS[name]().double()
    flow.initialise(data_for(flow))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return flow


def jacobian_log_det(function, point: Tensor) -> Tensor:
    """Log-determinant of the Jacobian of a map at one point, by automatic differentiation."""
    jacobian = torch.autograd.functional.jacobian(lambda p: function(p[None])[0][0], point)
    size = point.numel()
    return torch.linalg.slogdet(jacobian.reshape(size, size))[1]


@pytest.mark.parametrize("name", FLOWS)
def test_inverse_undoes_forward_and_the_reverse(name):
    flow = randomised(name)
    x = data_for(flow, 20)
    z, log_det = flow.inverse(x)
    assert z.shape == (20, prod(flow.event_shape))
    back, log_det_back = flow(z)
    assert back.shape == x.shape
    assert torch.allclose(back, x, atol=1e-6)
    assert torch.allclose(log_det, -log_det_back, atol=1e-6)
    z = torch.randn_like(z)
    assert torch.allclose(flow.inverse(flow(z)[0])[0], z, atol=1e-6)


@pytest.mark.parametrize("name", FLOWS)
def test_weights_were_moved_far_enough_to_matter(name):
    flow = randomised(name)
    z = torch.randn(50, *flow.latent_shape, dtype=torch.float64)
    x, log_det = flow(z)
    straight = flow.location + flow.scale * z.view_as(x)
    assert (x - straight).abs().max() > 0.1
    # Splines with moved weights and couplings too change volume differently at each point.
    assert log_det.std() > 1e-3


@pytest.mark.parametrize("name", FLOWS)
def test_log_determinants_are_those_of_the_jacobian(name):
    flow = randomised(name)
    z = torch.randn(3, *flow.latent_shape, dtype=torch.float64)
    x, log_det = flow(z)
    for point, expected in zip(z, log_det, strict=True):
        assert torch.allclose(jacobian_log_det(flow, point), expected, atol=1e-6)
    for point, expected in zip(x.detach(), flow.inverse(x)[1], strict=True):
        assert torch.allclose(jacobian_log_det(flow.inverse, point), expected, atol=1e-5)


@pytest.mark.parametrize("name", FLOWS)
def test_draws_come_with_their_log_densities(name):
    flow = randomised(name)
    x, log_q = flow.sample(40)
    assert x.shape == (40, *flow.event_shape)
    assert torch.allclose(log_q, flow.log_prob(x), atol=1e-5)
    z, log_base = flow.base.sample(40)
    assert torch.allclose(log_base, flow.base.log_prob(z), atol=1e-10)


@pytest.mark.parametrize("name", ["RealNVP in 2-D", "NeuralSpline in 2-D", "zuko NSF"])
def test_densities_in_2d_integrate_to_one(name):
    flow = randomised(name)
    with torch.no_grad():
        draws, _ = flow.sample(10_000)
        low, high = draws.min(0).values, draws.max(0).values
        centre, half = (low + high) / 2, (high - low)
        steps = torch.linspace(-1, 1, 601, dtype=torch.float64)
        axes = [centre[i] + half[i] * steps for i in range(2)]
        density = flow.log_prob(torch.cartesian_prod(*axes)).exp().view(601, 601)
        integral = torch.trapezoid(torch.trapezoid(density, axes[1]), axes[0])
    assert integral.item() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", FLOWS)
def test_a_checkpoint_makes_the_same_flow(name):
    flow = randomised(name)
    x = data_for(flow, 10)
    torch.manual_seed(99)
    other = FLOWS[name]().double()
    other.load_state_dict(flow.state_dict())
    assert torch.equal(other.log_prob(x), flow.log_prob(x))
    torch.manual_seed(5)
    draw = flow.sample(4)[0]
    torch.manual_seed(5)
    assert torch.equal(other.sample(4)[0], draw)


@pytest.mark.parametrize("name", FLOWS)
def test_gradients_reach_every_parameter(name):
    flow = randomised(name)
    (-flow.log_prob(data_for(flow, 30)).mean()).backward()
    for key, parameter in flow.named_parameters():
        if parameter.requires_grad and parameter.numel():
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
    reached = sum(bool((p.grad != 0).any()) for p in flow.parameters() if p.grad is not None)
    assert reached == sum(p.requires_grad and p.numel() > 0 for p in flow.parameters())


@pytest.mark.parametrize("name", FLOWS)
def test_gradients_are_finite_far_from_the_data(name):
    flow = randomised(name)
    x = (data_for(flow, 30) * 20).requires_grad_()
    (score,) = torch.autograd.grad(flow.log_prob(x).sum(), x)
    assert score.isfinite().all()


@pytest.mark.parametrize("name", FLOWS)
def test_initialising_standardises(name):
    torch.manual_seed(2)
    flow = FLOWS[name]().double()
    data = data_for(flow, 2000)
    flow.initialise(data)
    assert torch.allclose(flow.location, data.mean(0))
    assert flow.scale.item() == pytest.approx((data - data.mean(0)).square().mean().sqrt().item())
    if name == "plain" or name.startswith(("NeuralSpline", "zuko")):
        # normflows draws the first splines of the coordinates that a coupling passes on at random,
        # and zuko draws all first layers so.
        return
    z, _ = flow.inverse(data)
    # Without training these flows are near linear: what they see has unit scale.
    assert z.mean().abs() < 0.05
    assert z.square().mean().sqrt().item() == pytest.approx(1, abs=0.1)


def test_standardising_can_be_refused():
    flow = plain()
    flow.standardise = False
    flow.initialise(data_for(flow).float())
    assert (flow.location == 0).all()
    assert flow.scale == 1


def test_a_coupling_takes_shifts_and_bounded_scales_as_normflows_interleaves_them():
    torch.manual_seed(3)
    outputs = torch.randn(4, 6, 2, 2) * 10
    bounded = BoundedScales(nn.Identity(), 2.0)(outputs)
    assert torch.equal(bounded[:, 0::2], outputs[:, 0::2])
    assert torch.allclose(bounded[:, 1::2], 2 * torch.tanh(outputs[:, 1::2] / 2))
    assert bounded[:, 1::2].abs().max() <= 2


@pytest.mark.parametrize("name", ["RealNVP in 5-D", "Glow"])
def test_scales_of_couplings_cannot_run_away(name):
    flow = randomised(name)
    couplings = [m for m in flow.modules() if isinstance(m, nf.flows.AffineCoupling)]
    assert couplings
    for coupling in couplings:
        for parameter in coupling.parameters():
            parameter.data.mul_(1000)
        width = next(p.shape[1] for p in coupling.parameters() if p.dim() > 1)
        shape = (5, width) if name != "Glow" else (5, width, 2, 2)
        scales = coupling.param_map(torch.randn(shape, dtype=torch.float64) * 100)[:, 1::2]
        assert scales.abs().max() <= 2
        assert scales.abs().max() > 1.9


@pytest.mark.parametrize("name", ["RealNVP in 2-D", "Glow", "zuko NSF"])
def test_a_copy_is_on_its_own(name):
    flow = randomised(name)
    other = copy.deepcopy(flow)
    x = data_for(flow, 5)
    expected = flow.log_prob(x)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(1.0)
    assert torch.equal(other.log_prob(x), expected)
    assert not torch.equal(flow.log_prob(x), expected)
    assert other.base is other.map.base
    assert other.map.model is other.model


def layers(*given):
    """A model of normflows on points of two coordinates."""
    return nf.NormalizingFlow(nf.distributions.DiagGaussian(2), list(given))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Flow(nn.Linear(2, 2)), "Linear, and no flow"),
        (lambda: Flow(nn.Identity()), "Identity, and no flow .*TypeError"),
        (
            lambda: Flow(pytest.importorskip("zuko").flows.NSF(2, 3)),
            "NSF, and no flow .its transform raises RuntimeError.*without context",
        ),
        (
            lambda: Flow(pytest.importorskip("zuko").mixtures.GMM(2)),
            "GMM, and no flow .what it gives when called has no transform",
        ),
        (lambda: Flow(plain().model, event_shape=[4]), r"event_shape is \[4\].*3 coordinates"),
        (lambda: Flow(Glow([1, 4, 4], n_levels=1).model), "event_shape is missing"),
        (
            lambda: Flow(layers(nf.flows.Radial([2]))),
            r"NormalizingFlow.* no algebraic inverse.\): give",
        ),
        (
            lambda: Flow(layers(nf.flows.LULinearPermute(5))),
            "drawn from and inverted .RuntimeError",
        ),
        (lambda: Flow(nf.NormalizingFlow(None, [])), "has a base, q0, that is no distribution"),
        (lambda: Glow([1, 6, 8], n_levels=2), "images of 6x8 cannot be halved 2 times"),
    ],
)
def test_what_cannot_work_is_refused(make, sentence):
    with pytest.raises(SettingError, match=sentence):
        make()


def test_layers_that_begin_with_their_first_points_begin_with_data():
    """Not with those that the flow was tried on, nor are random numbers taken for them."""
    torch.manual_seed(0)
    Flow(layers(), [2])
    expected = torch.rand(1)
    torch.manual_seed(0)
    flow = Flow(layers(nf.flows.ActNorm(2)), [2])
    assert torch.equal(torch.rand(1), expected)
    assert not flow.model.flows[0].data_dep_init_done


def test_a_mixture_base_begins_with_the_clusters_of_the_data():
    torch.manual_seed(0)
    sides = torch.where(torch.rand(5000, 1) < 0.2, -4.0, 4.0)
    data = torch.cat([sides, torch.zeros(5000, 1)], 1) + 0.5 * torch.randn(5000, 2)
    flow = RealNVP([2], n_modes=2)
    flow.initialise(data)
    again = RealNVP([2], n_modes=2)
    again.initialise(data)
    x, _ = flow.sample(20_000)
    share = (sides < 0).float().mean()
    assert (x[:, 0] < 0).float().mean() == pytest.approx(share.item(), abs=0.015)
    assert (x[:, 0].abs() < 1).float().mean() < 1e-3, "no bridge"
    assert torch.equal(flow.log_prob(data), again.log_prob(data))
    torn = RealNVP([2])
    torn.initialise(data)
    assert flow.log_prob(data).mean() > torn.log_prob(data).mean() + 0.5


def test_a_base_without_modes_is_refused():
    with pytest.raises(SettingError, match="n_modes is 0"):
        RealNVP([2], n_modes=0)

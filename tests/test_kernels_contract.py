"""What every kernel promises beyond its distribution: its caches, its costs, its refusals."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from targets import GaussianMixture, StandardNormal, bad_proposal, two_directions
from torch import nn

from lightning_ebm import MCMC, Problem, RealNVP
from lightning_ebm.chain import Chain
from lightning_ebm.ends import Ends
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import (
    HMC,
    IMH,
    ISIR,
    MALA,
    ULA,
    Cycle,
    GeneralisedHMC,
    GradientAscent,
)
from lightning_ebm.starts import Noise, Persistent

KERNELS = {
    "ULA": lambda: ULA(0.2),
    "MALA": lambda: MALA(0.4),
    "HMC": lambda: HMC(0.2, 3),
    "GeneralisedHMC": lambda: GeneralisedHMC(0.2, 2, drift=0.1),
    "IMH": IMH,
    "ISIR": lambda: ISIR(3),
    "Cycle": lambda: Cycle([IMH(), MALA(0.4), ISIR(2), HMC(0.2, 2)], [1, 2, 1, 1]),
    "GradientAscent": lambda: GradientAscent(0.2),
}
NOISY = [name for name in KERNELS if name != "GradientAscent"]
MH = ["MALA", "HMC", "GeneralisedHMC", "IMH", "ISIR", "Cycle"]


def known_problem() -> Problem:
    return two_directions().problem(proposal=bad_proposal(2))


@pytest.mark.parametrize("name", KERNELS)
def test_what_a_chain_knows_is_true_at_its_points(name):
    torch.manual_seed(1)
    problem, kernel = known_problem(), KERNELS[name]()
    chain = Chain(2 * torch.randn(300, 2, dtype=torch.float64))
    for _ in range(6):
        before = chain.x
        chain, _ = kernel.step(problem, chain)
        log_prob, score = problem.log_prob_and_score(chain.x)
        assert torch.allclose(chain.log_prob, log_prob, rtol=0, atol=1e-12)
        if chain.score is not None:
            assert torch.allclose(chain.score, score, rtol=0, atol=1e-12)
        if chain.log_proposal is not None:
            log_q = problem.log_proposal(chain.x)
            assert torch.allclose(chain.log_proposal, log_q, rtol=0, atol=1e-12)
        moved = (chain.x != before).any(1)
        assert moved.any()
    assert chain.score is not None or name in {"IMH", "ISIR"}


@pytest.mark.parametrize("name", ["MALA", "HMC", "IMH", "ISIR"])
def test_a_chain_that_stays_is_untouched_to_the_bit(name):
    torch.manual_seed(2)
    problem, kernel = known_problem(), KERNELS[name]()
    chain, _ = kernel.step(problem, Chain(2 * torch.randn(500, 2, dtype=torch.float64)))
    after, info = kernel.step(problem, chain)
    stayed = (after.x == chain.x).all(1)
    acceptance = next(value for key, value in info.items() if key.startswith("acceptance"))
    # 500 decisions: the share that stays is within 4.5 binomial standard errors (p = 7e-6) of
    # what the acceptance says, and a proposal is never close enough to be taken for the state.
    error = 4.5 * math.sqrt(0.25 / 500)
    assert abs(stayed.double().mean() - (1 - acceptance)) < error
    assert 0.05 < stayed.double().mean() < 0.95
    for part, old in zip(after, chain, strict=True):
        if part is not None:
            assert torch.equal(part[stayed], old[stayed])


@pytest.mark.parametrize(
    ("kernel", "first", "later"),
    [
        (ULA(0.1), (2, 2), (1, 1)),
        (GradientAscent(0.1), (2, 2), (1, 1)),
        (MALA(0.1), (2, 2), (1, 1)),
        (HMC(0.1, 1), (2, 2), (1, 1)),
        (HMC(0.1, 7), (8, 8), (7, 7)),
        (IMH(), (2, 0), (1, 0)),
        (ISIR(1), (2, 0), (1, 0)),
        (ISIR(16), (17, 0), (16, 0)),
        (Cycle([MALA(0.1), HMC(0.1, 3)], [2, 1]), (6, 6), (5, 5)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_evaluations_are_those_the_method_needs(kernel, first, later):
    torch.manual_seed(3)
    problem, n = known_problem(), 10
    chain, _ = kernel.step(problem, Chain(torch.randn(n, 2, dtype=torch.float64)))
    count = problem.evaluations
    assert (count.densities, count.scores) == (first[0] * n, first[1] * n)
    for steps in range(1, 4):
        chain, _ = kernel.step(problem, chain)
        assert count.densities == (first[0] + steps * later[0]) * n
        assert count.scores == (first[1] + steps * later[1]) * n


def walled(value: float) -> Problem:
    """N((2, 0), 1) cut at x₀ = 1, beyond which, where its mass is, the log-density is `value`."""
    centre = torch.tensor([2.0, 0.0], dtype=torch.float64)

    def log_density(x: torch.Tensor) -> torch.Tensor:
        inside = -(x - centre).square().sum(1) / 2
        return torch.where(x[:, 0] > 1, torch.full_like(inside, value), inside)

    return Problem(
        log_density, (2,), reference=StandardNormal((2,)), proposal=StandardNormal((2,))
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", KERNELS)
def test_no_chain_enters_where_the_density_is_not_finite(name, value):
    torch.manual_seed(4)
    problem, kernel = walled(value), KERNELS[name]()
    x = torch.randn(200, 2, dtype=torch.float64) - 1.0
    x = x[x[:, 0] < 0.9]
    chain, refused = Chain(x), 0.0
    for _ in range(60):
        before = chain.x
        chain, info = kernel.step(problem, chain)
        refused += info["non_finite"].item()
        assert (chain.x[:, 0] <= 1).all()
        assert chain.x.isfinite().all()
        assert chain.log_prob.isfinite().all()
        assert chain.score is None or chain.score.isfinite().all()
    assert refused > 0
    assert not torch.equal(before, x)


def test_the_share_refused_is_the_share_proposed_there():
    torch.manual_seed(5)
    chain = Chain(torch.zeros(20_000, 2, dtype=torch.float64))
    for kernel in (IMH(), ISIR(4)):
        _, info = kernel.step(walled(math.nan), chain)
        # P(N(0, 1) > 1) = .1587; 4.5 binomial standard errors of at least 20,000 proposals.
        assert abs(info["non_finite"] - 0.1587) < 4.5 * math.sqrt(0.1587 * 0.8413 / 20_000)


@pytest.mark.parametrize("name", KERNELS)
def test_nothing_is_refused_where_all_is_finite(name):
    torch.manual_seed(6)
    _, info = KERNELS[name]().step(known_problem(), Chain(torch.randn(500, 2).double()))
    assert info["non_finite"] == 0


@pytest.mark.parametrize("name", NOISY)
def test_a_chain_that_starts_where_there_is_no_density_can_leave(name):
    torch.manual_seed(7)
    problem, kernel = walled(-math.inf), KERNELS[name]()
    chain = Chain(torch.tensor([[1.2, 0.0]], dtype=torch.float64).repeat(100, 1))
    for _ in range(60):
        chain, _ = kernel.step(problem, chain)
    assert (chain.x[:, 0] <= 1).all()
    assert chain.log_prob.isfinite().all()


@pytest.mark.parametrize("name", ["IMH", "ISIR"])
def test_a_global_move_leaves_a_point_whose_density_is_not_a_number(name):
    torch.manual_seed(8)
    problem, kernel = walled(math.nan), KERNELS[name]()
    chain = Chain(torch.tensor([[1.2, 0.0]], dtype=torch.float64).repeat(100, 1))
    for _ in range(60):
        chain, _ = kernel.step(problem, chain)
    assert (chain.x[:, 0] <= 1).all()


class Box:
    """Uniform on the square of half-width 2: -∞ outside."""

    def sample(self, n):
        x = torch.rand(n, 2, dtype=torch.float64) * 4 - 2
        return x, self.log_prob(x)

    def log_prob(self, x):
        inside = (x.abs() <= 2).all(1)
        return torch.where(inside, -math.log(16.0), -math.inf).to(x.dtype)


@pytest.mark.parametrize("name", ["IMH", "ISIR"])
def test_a_state_that_the_proposal_never_makes_has_infinite_weight_and_is_kept(name):
    torch.manual_seed(9)
    problem = replace(known_problem(), proposal=Box())
    outside = torch.tensor([[2.5, 0.0]], dtype=torch.float64).repeat(50, 1)
    inside = torch.zeros(50, 2, dtype=torch.float64)
    chain, _ = KERNELS[name]().step(problem, Chain(torch.cat([outside, inside])))
    assert torch.equal(chain.x[:50], outside)
    assert (chain.x[50:] != inside).any()


def test_isir_keeps_its_state_where_no_candidate_has_a_weight():
    nowhere = replace(StandardNormal((2,)).problem(), log_density=lambda x: x[:, 0] * math.nan)
    x = torch.randn(20, 2, dtype=torch.float64)
    chain, info = ISIR(3).step(nowhere, Chain(x))
    assert torch.equal(chain.x, x)
    assert info["non_finite"] == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("event_shape", [(3,), (1, 4, 4)])
@pytest.mark.parametrize("name", KERNELS)
def test_shapes_and_types_are_kept(name, event_shape, dtype):
    torch.manual_seed(10)
    problem = StandardNormal(event_shape, dtype).problem()
    chain, kernel = Chain(torch.randn(5, *event_shape, dtype=dtype)), KERNELS[name]()
    for _ in range(3):
        chain, info = kernel.step(problem, chain)
    assert chain.x.shape == (5, *event_shape)
    assert chain.log_prob.shape == (5,)
    assert chain.score is None or chain.score.shape == chain.x.shape
    parts = [part for part in chain if part is not None]
    assert {part.dtype for part in [*parts, *info.values()]} == {dtype}
    assert all(value.dim() == 0 for value in info.values())


def test_masses_belong_to_coordinates_in_flattened_order():
    torch.manual_seed(11)
    masses = torch.linspace(0.5, 3, 16).tolist()
    x = torch.randn(50, 1, 4, 4, dtype=torch.float64)
    image, flat = StandardNormal((1, 4, 4)).problem(), StandardNormal((16,)).problem()
    ends = []
    for problem, start in ((image, x), (flat, x.flatten(1))):
        torch.manual_seed(12)
        ends.append(HMC(0.1, 3, masses).step(problem, Chain(start))[0].x)
    assert torch.allclose(ends[0].flatten(1), ends[1])


def test_masses_of_the_wrong_number_are_refused():
    with pytest.raises(SettingError, match=r"mass is .*2.0\], but a point has 3"):
        HMC(mass=[1.0, 2.0]).step(StandardNormal((3,)).problem(), Chain(torch.zeros(1, 3)))


@pytest.mark.parametrize("name", NOISY)
def test_a_chain_does_not_depend_on_its_neighbours(name):
    problem, kernel = known_problem(), KERNELS[name]()
    torch.manual_seed(13)
    x = torch.randn(40, 2, dtype=torch.float64)
    other = x.clone()
    other[17] += 1.5
    ends = []
    for start in (x, other):
        torch.manual_seed(14)
        chain = Chain(start)
        for _ in range(5):
            chain, _ = kernel.step(problem, chain)
        ends.append(chain.x)
    rest = torch.arange(40) != 17
    assert torch.equal(ends[0][rest], ends[1][rest])


@pytest.mark.parametrize("name", KERNELS)
def test_the_points_given_are_not_written_to(name):
    torch.manual_seed(15)
    x = torch.randn(20, 2, dtype=torch.float64)
    given = x.clone()
    KERNELS[name]().step(known_problem(), Chain(x))
    assert torch.equal(x, given)
    assert not x.requires_grad


def noisy_energy() -> nn.Module:
    """Return an energy that changes a buffer and draws masks whenever it runs in training mode."""
    return nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(2, 16)),
        nn.SiLU(),
        nn.Dropout(0.5),
        nn.Linear(16, 1),
    )


@pytest.mark.parametrize("name", KERNELS)
def test_sampling_leaves_networks_as_they_were(name):
    torch.manual_seed(16)
    energy, flow = noisy_energy(), RealNVP([2], n_layers=2, hidden=8)
    flow.initialise(torch.randn(64, 2))
    energy[0].bias.requires_grad_(requires_grad=False)
    energy[1].eval()
    energy[3].weight.grad = torch.full_like(energy[3].weight, 7.0)
    networks = nn.ModuleList([energy, flow])
    reference = StandardNormal((2,), torch.float32)
    problem = Problem(
        lambda x: reference.log_prob(x) - energy(x).squeeze(1),
        (2,),
        reference=reference,
        proposal=flow,
        networks=(energy, flow),
    )
    flags = [module.training for module in networks.modules()]
    trainable = [parameter.requires_grad for parameter in networks.parameters()]
    state = {key: value.clone() for key, value in networks.state_dict().items()}
    draw = MCMC(Noise(), KERNELS[name](), n_steps=3)(problem, 8)
    assert [module.training for module in networks.modules()] == flags
    assert [parameter.requires_grad for parameter in networks.parameters()] == trainable
    for key, value in networks.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert (energy[3].weight.grad == 7).all()
    others = [p.grad for p in networks.parameters() if p is not energy[3].weight]
    assert others == [None] * len(others)
    assert not draw.x.requires_grad
    assert draw.x.grad_fn is None


@pytest.mark.parametrize("name", KERNELS)
def test_a_sampler_works_where_validation_runs_it(name):
    torch.manual_seed(17)
    problem = known_problem()
    with torch.inference_mode():
        draw = MCMC(Noise(), KERNELS[name](), n_steps=2)(problem, 8)
    assert not draw.x.is_inference()
    assert draw.x.shape == (8, 2)


@pytest.mark.parametrize("name", ["IMH", "ISIR"])
def test_chains_carry_no_graph_of_a_proposal_that_is_being_trained(name):
    torch.manual_seed(18)
    flow = RealNVP([2], n_layers=2, hidden=8).double()
    flow.initialise(torch.randn(64, 2, dtype=torch.float64))
    problem = replace(known_problem(), proposal=flow)
    chain, info = KERNELS[name]().step(problem, Chain(torch.randn(8, 2, dtype=torch.float64)))
    assert not chain.x.requires_grad
    assert not any(value.requires_grad for value in info.values())


@pytest.mark.parametrize("kernel", [MALA(0.1), HMC(0.1, 2), Cycle([MALA(0.1), IMH()])])
def test_a_plain_sampler_is_as_exact_as_its_kernel(kernel):
    assert MCMC(Persistent(), kernel, 1).exact
    assert not MCMC(Persistent(), Cycle([kernel, ULA()]), 1).exact


@pytest.mark.parametrize("repeats", [[1], [1, -1], [1, 1, 1]])
def test_repeats_that_do_not_fit_are_refused(repeats):
    with pytest.raises(SettingError, match="repeats is"):
        Cycle([IMH(), MALA()], repeats)


def test_a_cycle_is_its_kernels_in_order():
    problem = known_problem()
    torch.manual_seed(19)
    x = torch.randn(30, 2, dtype=torch.float64)
    torch.manual_seed(20)
    chain, _ = Cycle([IMH(), MALA(0.2)], [1, 2]).step(problem, Chain(x))
    torch.manual_seed(20)
    by_hand = Chain(x)
    for kernel in (IMH(), MALA(0.2), MALA(0.2)):
        by_hand, _ = kernel.step(problem, by_hand)
    assert torch.equal(chain.x, by_hand.x)


def test_one_leapfrog_of_unit_mass_is_mala():
    known = GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.0], [0.5, 0.8]]])
    torch.manual_seed(21)
    x, _ = known.sample(200)
    ends = []
    for kernel in (MALA(0.3), HMC(0.3, 1)):
        torch.manual_seed(22)
        ends.append(kernel.step(known.problem(), Chain(x))[0].x)
    assert torch.allclose(ends[0], ends[1], atol=1e-12)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("part", ["x", "log_prob", "score", "log_weight", "reference_score"])
def test_one_number_that_is_not_finite_tells_its_chain_from_the_others(part, value):
    torch.manual_seed(12)
    ends = Ends(torch.randn(5), torch.randn(5), torch.randn(5, 2, 3), torch.randn(5, 2, 3))
    chain = Chain(torch.randn(5, 2, 3), torch.randn(5), torch.randn(5, 2, 3), ends)
    assert chain.finite().all()
    getattr(chain if part in Chain._fields else ends, part)[3, ...].view(-1)[-1] = value
    assert chain.finite().tolist() == [True, True, True, False, True]


def test_infinities_of_both_signs_do_not_make_up_for_each_other():
    x = torch.tensor([[torch.inf, 0.0], [0.0, 0.0]])
    assert Chain(x, torch.zeros(2), -x).finite().tolist() == [False, True]
    assert Chain(torch.cat([x, -x], dim=1)).finite().tolist() == [False, True]

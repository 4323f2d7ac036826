"""Exact kernels leave their target as it is, and reach it from elsewhere."""

import math
from collections.abc import Callable

import normflows
import pytest
import torch
from targets import (
    GaussianMixture,
    bad_proposal,
    check_draws,
    correlated_gaussian,
    two_directions,
)

from lightning_ebm.chain import Chain
from lightning_ebm.errors import SettingError
from lightning_ebm.flows import Flow, RealNVP
from lightning_ebm.kernels import (
    HMC,
    IMH,
    ISIR,
    MALA,
    CrankNicolson,
    CrankNicolsonISIR,
    Cycle,
    GeneralisedHMC,
    Kernel,
)
from lightning_ebm.kernels.crank_nicolson import half_of, partly_renewed

MASSES = [0.3, 2.0, 1.1]

# Kernel for points of d coordinates; lowest and highest acceptance that makes it the case it is
# named after; steps that leave a start behind, or 0 for a kernel that sticks in the tails.
CASES: dict[str, tuple[Callable[[int], Kernel], tuple[float, float], int]] = {
    "MALA, high acceptance": (lambda d: MALA(0.03), (0.9, 1.0), 400),
    "MALA, low acceptance": (lambda d: MALA({2: 1.0, 3: 0.45}[d]), (0.05, 0.4), 0),
    "HMC, 1 leapfrog": (lambda d: HMC(0.15, 1), (0.5, 0.95), 200),
    "HMC, 7 leapfrogs": (lambda d: HMC(0.06, 7), (0.6, 0.99), 50),
    "HMC, masses": (lambda d: HMC(0.08, 6, MASSES[:d]), (0.3, 0.99), 100),
    "HMC, one mass": (lambda d: HMC(0.3, 3, 4.0), (0.6, 0.99), 60),
    "GHMC": (lambda d: GeneralisedHMC(0.03), (0.85, 0.999), 300),
    "GHMC, low acceptance": (lambda d: GeneralisedHMC(0.2, 2, 0.6), (0.3, 0.9), 200),
    "GHMC, threshold": (lambda d: GeneralisedHMC(0.08, drift=0.03), (0.5, 0.97), 300),
    "IMH": (lambda d: IMH(), (0.05, 0.6), 80),
    "ISIR(1)": (lambda d: ISIR(1), (0.05, 0.6), 120),
    "ISIR(16)": (lambda d: ISIR(16), (0.5, 0.99), 25),
    "IMH and MALA": (lambda d: Cycle([IMH(), MALA(0.15)], [1, 2]), (0.05, 0.6), 40),
}
TARGETS = {"Gaussian": correlated_gaussian, "mixture": two_directions}
N_CHAINS = 20_000


def name(kernel):
    return type(kernel).__name__


def run(
    target: GaussianMixture, kernel: Kernel, x: torch.Tensor, n_steps: int
) -> tuple[torch.Tensor, float]:
    """Return the chains' ends, and the acceptance averaged over steps."""
    problem = target.problem(proposal=bad_proposal(x.shape[1]))
    chain, acceptances = Chain(x), []
    for _ in range(n_steps):
        chain, info = kernel.step(problem, chain)
        acceptances.append(min(v.item() for k, v in info.items() if k.startswith("acceptance")))
    return chain.x, sum(acceptances) / n_steps


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", CASES)
def test_chains_that_start_from_the_target_keep_it(case, target):
    torch.manual_seed(1)
    make, (least, most), n_mixing = CASES[case]
    known = TARGETS[target]()
    x, _ = known.sample(N_CHAINS)
    ends, acceptance = run(known, make(x.shape[1]), x, n_steps=max(8, n_mixing // 10))
    assert least < acceptance < most
    assert make(x.shape[1]).exact
    check_draws(ends, known)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][2]])
def test_chains_that_start_elsewhere_reach_the_target(case, target):
    torch.manual_seed(2)
    make, _, n_mixing = CASES[case]
    known = TARGETS[target]()
    d = len(known.mean())
    x = known.mean() + 1.0 + 2 * torch.randn(N_CHAINS // 4, d, dtype=torch.float64)
    with pytest.raises(AssertionError):
        check_draws(x, known)
    ends, _ = run(known, make(d), x, n_mixing)
    check_draws(ends, known)


def curved_flow(d: int) -> Flow:
    """Return a flow far from the identity that fits no target."""
    flow = RealNVP([d], n_layers=4, hidden=8).double()
    flow.initialise(0.3 + torch.randn(512, d, dtype=torch.float64) * 1.2)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.25 * torch.randn_like(parameter))
    return flow.requires_grad_(requires_grad=False)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kernel", [MALA(0.1), HMC(0.02, 4), IMH(), ISIR(8)], ids=name)
def test_chains_in_a_flows_latent_space_keep_the_target_in_data_space(kernel, target):
    torch.manual_seed(3)
    known = TARGETS[target]()
    problem = known.problem(flow=curved_flow(len(known.mean()))).pullback()
    x, _ = known.sample(N_CHAINS)
    chain, moved = Chain(problem.from_data(x)), 0.0
    for _ in range(12):
        before = chain.x
        chain, _ = kernel.step(problem, chain)
        moved += (chain.x != before).any(1).double().mean().item() / 12
    assert 0.05 < moved < 0.99
    check_draws(problem.to_data(chain.x), known)


FLOW_MOVES = [IMH(), ISIR(8), CrankNicolson(), CrankNicolson([0.4]), CrankNicolsonISIR(6)]


@pytest.mark.parametrize("kernel", FLOW_MOVES, ids=name)
def test_a_flow_as_proposal_keeps_the_target(kernel):
    torch.manual_seed(4)
    known = two_directions()
    x, _ = known.sample(N_CHAINS)
    chain = Chain(x)
    problem = known.problem(proposal=(flow := curved_flow(2)), flow=flow)
    for _ in range(12):
        chain, info = kernel.step(problem, chain)
    assert 0.05 < info["acceptance_global"] < 0.95
    check_draws(chain.x, known)


@pytest.mark.parametrize("kernel", [CrankNicolson(), CrankNicolsonISIR(6)], ids=name)
def test_partly_renewed_chains_reach_the_target(kernel):
    torch.manual_seed(4)
    known = two_directions()
    wide = known.mean() + 1.0 + 2 * torch.randn(N_CHAINS // 4, 2, dtype=torch.float64)
    flow = RealNVP([2], n_layers=2).double().requires_grad_(False)
    flow.initialise(wide)
    problem = known.problem(proposal=flow, flow=flow)
    chain = Chain(wide)
    for _ in range(60):
        chain, _ = kernel.step(problem, chain)
    check_draws(chain.x, known)


def test_a_whole_renewal_is_independent_metropolis_hastings():
    known = two_directions()
    problem = known.problem(proposal=(flow := curved_flow(2)), flow=flow)
    torch.manual_seed(8)
    x, _ = known.sample(5000)
    rates = []
    for kernel in (IMH(), CrankNicolson([1.0])):
        torch.manual_seed(9)
        rates.append(kernel.step(problem, Chain(x))[1]["acceptance_global"].item())
    assert rates[0] == pytest.approx(rates[1], abs=0.02)


def test_an_unusual_base_is_made_up_for():
    torch.manual_seed(10)
    known = two_directions()
    base = normflows.distributions.DiagGaussian(2)
    with torch.no_grad():
        base.loc.fill_(0.5)
        base.log_scale.fill_(-0.4)
    layers = [normflows.flows.AffineConstFlow(2)]
    flow = Flow(normflows.NormalizingFlow(base, layers)).double().requires_grad_(False)
    x, _ = known.sample(N_CHAINS)
    chain = Chain(x)
    for _ in range(12):
        chain, _ = CrankNicolson().step(known.problem(proposal=flow, flow=flow), chain)
    check_draws(chain.x, known)


def test_the_correlated_candidates_have_the_share_they_are_asked_for():
    # The candidate of an i-SIR move of share β has correlation √(1-β²) with the state.
    torch.manual_seed(11)
    z = torch.randn(200_000, 1, dtype=torch.float64)
    share = torch.full((len(z),), 0.6, dtype=torch.float64)
    part = half_of(share)
    candidate = partly_renewed(partly_renewed(z, part), part)
    assert torch.corrcoef(torch.cat([z, candidate], 1).T)[0, 1].item() == pytest.approx(
        0.8, abs=0.01
    )
    assert candidate.var().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("shares", [[], [0.0], [1.2], [0.5, math.nan]])
def test_shares_outside_their_range_are_refused(shares):
    with pytest.raises(SettingError, match="shares is"):
        CrankNicolson(shares)


def test_the_check_sees_a_variance_too_large_by_a_tenth():
    torch.manual_seed(5)
    known = correlated_gaussian()
    x, _ = known.sample(N_CHAINS)
    check_draws(x, known)
    with pytest.raises(AssertionError, match="covariances"):
        check_draws(known.mean() + (x - known.mean()) * 1.1**0.5, known)


def test_the_check_sees_wrong_weights_of_the_components():
    torch.manual_seed(6)
    known, other = two_directions(), two_directions()
    other.weights = torch.tensor([0.34, 0.66], dtype=torch.float64)
    with pytest.raises(AssertionError):
        check_draws(other.sample(N_CHAINS)[0], known)

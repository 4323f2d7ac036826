"""Chains that stand where the density is zero are begun anew, counted, and never handed on unsaid.

The target is N(0, I) within a disc of radius 3 and nothing outside of it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from targets import StandardNormal
from torch import Tensor

from lightning_ebm import MCMC, Problem
from lightning_ebm.chain import Chain
from lightning_ebm.kernels import (
    HMC,
    IMH,
    ISIR,
    MALA,
    ULA,
    CrankNicolson,
    CrankNicolsonISIR,
    Cycle,
    GradientAscent,
    in_a_row,
)
from lightning_ebm.registry import find
from lightning_ebm.starts import FromData, FromFlow, Noise, Persistent, Start

RADIUS = 3.0
KERNELS = {
    "ULA": lambda: ULA(0.1),
    "MALA": lambda: MALA(0.1),
    "HMC": lambda: HMC(0.1, 3),
    "GradientAscent": lambda: GradientAscent(0.1),
    "IMH": IMH,
    "ISIR": lambda: ISIR(3),
    "CrankNicolson": CrankNicolson,
    "CrankNicolsonISIR": lambda: CrankNicolsonISIR(3),
    "Cycle": lambda: Cycle([IMH(), MALA(0.1)], [0, 2]),
}
SAMPLERS = ["ula", "mala", "hmc", "flow_mcmc", "coopflow", "nt_ebm"]


class Doubling:
    """The flow x = 2z from a standard normal: a third of its draws is outside the disc."""

    base = StandardNormal((2,))
    latent_shape = (2,)
    log_det = 2 * math.log(2.0)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * z, torch.full((len(z),), self.log_det, dtype=z.dtype)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x / 2, torch.full((len(x),), -self.log_det, dtype=x.dtype)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        x, _ = self.forward(self.base.sample(n)[0])
        return x, self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.base.log_prob(x / 2) - self.log_det


def disc(outside: float = -math.inf) -> Problem:
    flow = Doubling()

    def log_density(x: Tensor) -> Tensor:
        inside = -x.square().sum(1) / 2
        return torch.where(x.norm(dim=1) < RADIUS, inside, torch.full_like(inside, outside))

    data = torch.randn(100, 2, dtype=torch.float64)
    return Problem(log_density, (2,), reference=flow, proposal=flow, flow=flow, data=data)


class AllOutside(Start):
    """The first chains at (5, 0), in zero density; those begun anew are as another start's."""

    def __init__(self, then: Start) -> None:
        super().__init__()
        self.then = then

    def begin(self, problem: Problem, n: int) -> Tensor:
        return problem.from_data(torch.tensor([[5.0, 0.0]], dtype=torch.float64).repeat(n, 1))

    def anew(self, problem: Problem, n: int) -> Tensor:
        return self.then.anew(problem, n)


@pytest.mark.parametrize(
    ("name", "latent"),
    # Crank-Nicolson moves in the latent space by itself.
    [(k, False) for k in KERNELS] + [(k, True) for k in KERNELS if "Crank" not in k],
)
@pytest.mark.parametrize("outside", [-math.inf, math.nan])
def test_every_kernel_gets_chains_that_stand_somewhere(name, latent, outside):
    torch.manual_seed(1)
    sampler = MCMC(AllOutside(Noise()), KERNELS[name](), 3, latent=latent)
    draw = sampler(disc(outside), 200)
    assert draw.info["zero_density"] == 1
    assert draw.info["zero_density_left"] == 0
    assert draw.info["unmoved"] < 0.9
    assert (draw.x.norm(dim=1) < RADIUS).all()


@pytest.mark.parametrize("first", [Noise, FromFlow, FromData])
def test_chains_of_a_bank_begin_anew_as_the_first_did_and_keep_their_places(first):
    torch.manual_seed(2)
    sampler = MCMC(Persistent(first()), MALA(1e-6), 1)
    problem = disc()
    sampler(problem, 100)
    sampler.start.bank[::4] = 3.0
    kept = sampler.start.bank.clone()
    draw = sampler(problem, 100)
    assert draw.info["zero_density"] == 0.25
    assert torch.equal(sampler.start.bank, draw.x)
    moved = (draw.x - kept).norm(dim=1) > 0.1
    assert torch.equal(moved, torch.arange(100) % 4 == 0)
    if first is FromData:
        distances = torch.cdist(draw.x[moved], problem.data).amin(1)
        assert distances.max() < 0.01


def test_chains_with_nowhere_to_go_are_counted_at_the_end():
    torch.manual_seed(3)
    problem = replace(disc(), log_density=lambda x: 0 * x[:, 0] - math.inf)
    for start in (Noise(), Persistent()):
        info = MCMC(start, MALA(0.1), 2)(problem, 50).info
        assert info["zero_density"] == 1
        assert info["zero_density_left"] == 1


def test_a_kernel_that_walks_into_zero_density_is_counted_too():
    class Outwards(ULA):
        def step(self, problem, chain):
            return Chain(chain.x * 10), {}

    torch.manual_seed(4)
    info = MCMC(Noise(), Outwards(), 1)(disc(), 200).info
    # P(|2z| < .3), within a tenth of the radius, is .01.
    assert info["zero_density_left"] > 0.9


@pytest.mark.parametrize("name", SAMPLERS)
def test_all_built_in_samplers_draw_within_the_support(name):
    torch.manual_seed(5)
    sampler, problem = find(name)(), disc()
    for _ in range(3):
        draw = sampler(problem, 200)
        assert (draw.x.norm(dim=1) < RADIUS).all()
        assert draw.info["zero_density_left"] == 0
    # P(|2z| > 3) = exp(-9/8) = .325.
    sampler.forget()
    share = sampler(problem, 200).info["zero_density"]
    assert abs(share - 0.325) < 4.5 * math.sqrt(0.325 * 0.675 / 200)


@pytest.mark.parametrize("name", SAMPLERS)
def test_where_no_chain_stands_at_zero_density_nothing_more_is_evaluated_or_drawn(name):
    """The same as by steps without the check, to the bit and to the count."""
    draws, counts = [], []
    for checked in (True, False):
        torch.manual_seed(6)
        problem = replace(disc(), log_density=Doubling().log_prob)
        sampler = find(name)()
        space = problem.pullback() if sampler.latent else problem
        if checked:
            draws.append(sampler(problem, 50).x)
        else:
            chain = Chain(sampler.start.begin(space, 50))
            chain, _ = in_a_row(sampler.kernel, space, chain, sampler.n_steps)
            draws.append(space.to_data(chain.x))
        counts.append((problem.evaluations.densities, problem.evaluations.scores))
    assert torch.equal(*draws)
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", KERNELS)
def test_preparing_spares_the_first_step_what_it_computes(name):
    counts = []
    for prepared in (True, False):
        torch.manual_seed(7)
        problem, kernel = disc(), KERNELS[name]()
        chain = Chain(0.1 * torch.randn(20, 2, dtype=torch.float64))
        if prepared:
            chain = kernel.prepare(problem, chain)
            assert chain.log_prob is not None
        kernel.step(problem, chain)
        counts.append((problem.evaluations.densities, problem.evaluations.scores))
    assert counts[0] == counts[1]


def test_a_share_that_stays_is_counted():
    torch.manual_seed(8)
    frozen = MCMC(Persistent(), MALA(1e9), 2)
    assert frozen(disc(), 100).info["unmoved"] == 1
    # One IMH step with the target as its own proposal moves all; with ISIR(1) half of them.
    problem = StandardNormal((2,)).problem()
    assert MCMC(Persistent(), IMH(), 1)(problem, 400).info["unmoved"] == 0
    share = MCMC(Persistent(), ISIR(1), 1)(problem, 400).info["unmoved"]
    assert abs(share - 0.5) < 4.5 * math.sqrt(0.25 / 400)

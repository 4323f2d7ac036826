"""Replica exchange as a whole: exact at β = 1, one batch a round, columns that resume."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from targets import (
    StandardNormal,
    bad_proposal,
    check_draws,
    correlated_gaussian,
    two_directions,
)
from torch import Tensor

from lightning_ebm import Problem, RealNVP
from lightning_ebm.kernels import HMC, IMH, MALA, CrankNicolson, GeneralisedHMC, Kernel
from lightning_ebm.tempering import Ladder, ReplicaExchange

LOCAL = {
    "MALA": lambda: MALA(0.3),
    "HMC": lambda: HMC(0.2, 3),
    "GHMC": lambda: GeneralisedHMC(0.2),
    "GHMC, threshold": lambda: GeneralisedHMC(0.2, drift=0.1),
    "IMH": IMH,
}
TARGETS = {"Gaussian": correlated_gaussian, "mixture": two_directions}


def tempered(local: Kernel, n_rungs: int = 4, **settings) -> ReplicaExchange:
    return ReplicaExchange(Ladder(n_rungs), local, **settings).eval()


def last(exchange: ReplicaExchange, problem: Problem, n: int, n_rounds: int) -> Tensor:
    return list(exchange.rounds(problem, n, n_rounds))[-1].top.x


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("local", LOCAL)
def test_states_at_beta_1_are_the_targets(local, target):
    torch.manual_seed(1)
    known = TARGETS[target]()
    problem = known.problem(proposal=bad_proposal(len(known.mean())))
    exchange = tempered(LOCAL[local]())
    check_draws(last(exchange, problem, 8000, 40), known)


def test_local_moves_of_a_share_of_the_latent_point_do_too():
    torch.manual_seed(2)
    flow = RealNVP([2], n_layers=2).double()
    known = two_directions()
    problem = known.problem(proposal=flow, flow=flow)
    check_draws(last(tempered(CrankNicolson([0.5]), n_sweeps=1), problem, 5000, 60), known)


def test_in_latent_space_and_with_a_target_that_moves_between_draws():
    """Draws of one target and another in turn, each exact although states come from the other."""
    torch.manual_seed(3)
    flow = RealNVP([3], n_layers=2).double()
    for parameter in flow.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    known = correlated_gaussian()
    problem = known.problem(proposal=flow, flow=flow)
    other = replace(problem, log_density=lambda x: 2.0 * problem.log_density(x))
    exchange = tempered(GeneralisedHMC(0.1), n_local=2)
    for _ in range(3):
        last(exchange, other.pullback(), 5000, 5)
        space = problem.pullback()
        z = last(exchange, space, 5000, 25)
    check_draws(space.to_data(z), known)


def test_every_step_leaves_every_rung_as_it_is():
    """Exact states at all rungs stay exact: the law of V at each, within 4.5 standard errors."""
    torch.manual_seed(4)
    known, n = two_directions(), 20_000
    # Of p^β q^(1-β), q = p, every rung is p itself; V is then 0 and all swaps are accepted.
    problem = known.problem(proposal=known)
    exchange = tempered(MALA(0.5), n_sweeps=3)
    rounds = list(exchange.rounds(problem, n, 3))
    assert float(rounds[-1].rejections.nan_to_num(0).max()) < 1e-9
    for part in rounds[-1].chain.x.chunk(4):
        check_draws(part, known)


def test_all_rungs_are_one_batch_and_nothing_is_evaluated_twice():
    problem, n, n_rounds = two_directions().problem(proposal=bad_proposal(2)), 7, 3
    sizes = []
    density = problem.log_density
    problem = replace(problem, log_density=lambda x: (sizes.append(len(x)), density(x))[1])
    exchange = tempered(MALA(0.1), n_rungs=5)
    list(exchange.rounds(problem, n, n_rounds))
    assert sizes == [4 * n + n_rounds * n] + [4 * n] * n_rounds
    assert problem.evaluations.scores == sum(sizes)


def test_what_travels_with_a_state_is_true_of_it():
    torch.manual_seed(5)
    problem = two_directions().problem(proposal=bad_proposal(2))
    exchange = tempered(GeneralisedHMC(0.2))
    betas = exchange.ladder.betas.repeat_interleave(30)
    for one in exchange.rounds(problem, 30, 5):
        log_reference = problem.proposal.log_prob(one.chain.x)
        log_weight = problem.log_density(one.chain.x) - log_reference
        assert torch.allclose(one.chain.ends.log_weight, log_weight)
        assert torch.allclose(one.chain.log_prob, log_reference + betas * log_weight)
        x = one.chain.x.clone().requires_grad_()
        (score,) = torch.autograd.grad(problem.log_density(x).sum(), x)
        assert torch.allclose(one.top.score, score[-30:])


def test_the_lowest_rung_is_fresh_at_every_round():
    problem = two_directions().problem(proposal=bad_proposal(2))
    exchange = ReplicaExchange(Ladder(2), MALA(1e-12), n_sweeps=1).eval()
    seen = [one.chain.x for one in exchange.rounds(problem, 50, 6)]
    # By moves of next to nothing what was at the bottom could still be told.
    for before, after in pairwise(seen):
        assert torch.cdist(after, before[:50]).min() > 1e-4


def test_ages_count_rounds_since_a_draw_of_the_flow():
    torch.manual_seed(6)
    problem = two_directions().problem(proposal=two_directions())
    exchange = tempered(MALA(0.1), n_rungs=3, n_sweeps=2)
    rounds = list(exchange.rounds(problem, 200, 50))
    assert all((one.ages >= 0).all() for one in rounds)
    # All swaps are accepted: in two sweeps, of alternating parity, a state is at most two away.
    assert float(rounds[-1].ages.max()) <= 2
    assert float(torch.stack([one.arrivals.double().mean() for one in rounds[5:]]).mean()) > 0.4


def test_it_resumes_bit_for_bit():
    problem = two_directions().problem(proposal=bad_proposal(2))

    def train(exchange: ReplicaExchange, n_draws: int) -> Tensor:
        for _ in range(n_draws):
            x = last(exchange, problem, 40, 2)
        return x

    def new() -> ReplicaExchange:
        kernel = GeneralisedHMC(0.2, target_acceptance=0.8, drift=0.05)
        return ReplicaExchange(Ladder(3, max_rejection=0.05, every=3), kernel).train()

    torch.manual_seed(7)
    one = new()
    train(one, 20)
    kept, random = one.state_dict(), torch.get_rng_state()
    expected = train(one, 20)
    other = new()
    other.load_state_dict(kept)
    torch.set_rng_state(random)
    assert torch.equal(train(other, 20), expected)
    assert len(one.ladder) > 3
    assert torch.equal(one.ladder.betas, other.ladder.betas)


def test_fewer_columns_than_are_kept_leave_the_others_alone():
    torch.manual_seed(8)
    problem = two_directions().problem(proposal=bad_proposal(2))
    exchange = tempered(GeneralisedHMC(0.2))
    last(exchange, problem, 20, 2)
    before = exchange.replicas.bank["x"].clone()
    last(exchange, problem, 8, 2)
    changed = (exchange.replicas.bank["x"] != before).flatten(1).any(1)
    assert changed.sum() == 8
    last(exchange, problem, 30, 2)
    assert len(exchange.replicas.bank["x"]) == 30


def test_step_sizes_are_found_rung_by_rung():
    torch.manual_seed(9)
    known = two_directions()
    wide = bad_proposal(2)
    problem = known.problem(proposal=wide)
    kernel = MALA(0.01, target_acceptance=0.6)
    exchange = ReplicaExchange(Ladder(3), kernel).train()
    for _ in range(150):
        last(exchange, problem, 200, 1)
    sizes = kernel.step_size.log_value.exp()
    assert sizes.shape == (2,)
    assert sizes[0] > 1.1 * sizes[1]


@pytest.mark.parametrize("event_shape", [(2,), (1, 4, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_types_are_kept(event_shape, dtype):
    problem = StandardNormal(event_shape, dtype).problem()
    for one in tempered(GeneralisedHMC(0.1)).rounds(problem, 5, 2):
        assert one.top.x.shape == (5, *event_shape)
        assert one.top.x.dtype == one.log_weights.dtype == dtype

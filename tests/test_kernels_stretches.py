"""A stretch of steps is as many single steps, to the bit, whatever is not finite on the way."""

import math

import pytest
import torch

from lightning_ebm import Problem
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.chain import Chain, with_score
from lightning_ebm.kernels import HMC, MALA, ULA, GradientAscent, in_a_row, stretch

KERNELS = {
    "ula": lambda: ULA(0.1),
    "gradient ascent": lambda: GradientAscent(0.1, limit=0.2),
    "mala": lambda: MALA(0.2, target_acceptance=0.6),
    "hmc": lambda: HMC(0.1, 2, target_acceptance=0.7),
    "hmc of heavy points": lambda: HMC(0.1, 1, mass=[2.0, 0.5]),
}
UNADJUSTED = ("ula", "gradient ascent")


def normal(x):
    return -(x - 1).square().sum(1) / 2


def walled(value, at=1.0):
    return lambda x: torch.where(x[:, 0] > at, torch.full_like(x[:, 0], value), normal(x))


def pulled(by):
    """A density as it was, whose score right of 1 is larger by `by`."""

    def log_density(x):
        pull = by * (x - x.detach()).sum(1)
        return normal(x) + torch.where(x[:, 0] > 1, pull, torch.zeros_like(pull))

    return log_density


def refusing(x):
    if not x.isfinite().all():
        raise ValueError("these are no numbers")
    return pulled(math.nan)(x)


def noisy(x):
    return normal(x) + torch.rand_like(x[:, 0]) * x[:, 0]


DENSITIES = {
    "smooth": normal,
    "wall of -inf": walled(-math.inf),
    "wall of inf": walled(math.inf),
    "wall of nan": walled(math.nan),
    "score of nan": pulled(math.nan),
    "score whose sum overflows": pulled(3e38),
    "steep": lambda x: x.square().square().square().sum(1),
    "noisy": noisy,
}


def problem_of(log_density):
    return Problem(log_density, (2,), GaussianBase(event_shape=(2,)))


def both_ways(kernel_of, log_density, n_steps, n=40):
    """Chains, random state, evaluations and step size of a run and of single steps."""
    ends = []
    for together in (True, False):
        torch.manual_seed(0)
        problem, kernel = problem_of(log_density), kernel_of()
        chain = kernel.prepare(problem, Chain(torch.randn(n, 2)))
        for _ in range(2):
            if together:
                chain, info = in_a_row(kernel, problem, chain, n_steps)
            else:
                infos = []
                for step in [kernel.step] * (n_steps - 1) + [kernel.last_step]:
                    chain, info = step(problem, chain)
                    infos.append(info)
                info = {key: torch.stack([i[key] for i in infos]).mean() for key in info}
            chain = with_score(problem, Chain(chain.x))
        known = torch.cat([chain.x, chain.log_prob[:, None], chain.score], dim=1)
        ends.append((known, torch.get_rng_state(), problem.evaluations, kernel, info))
    return ends


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("name", KERNELS)
def test_a_stretch_is_single_steps(name, density, monkeypatch):
    monkeypatch.setattr(stretch, "LONGEST", 7)
    run, steps = both_ways(KERNELS[name], DENSITIES[density], 12)
    assert torch.equal(run[0].nan_to_num(0.5), steps[0].nan_to_num(0.5))
    assert torch.equal(run[0].isnan(), steps[0].isnan())
    assert torch.equal(run[1], steps[1])
    assert run[2] == steps[2]
    assert torch.equal(run[3].step_size.log_value, steps[3].step_size.log_value)
    assert run[4].keys() == steps[4].keys()
    for key, value in run[4].items():
        torch.testing.assert_close(value, steps[4][key])


@pytest.mark.parametrize("name", UNADJUSTED)
def test_a_density_may_refuse_points_that_are_no_numbers(name):
    run, steps = both_ways(KERNELS[name], refusing, 12)
    assert torch.equal(run[0].nan_to_num(0.5), steps[0].nan_to_num(0.5))
    assert torch.equal(run[1], steps[1])


@pytest.mark.parametrize("name", UNADJUSTED)
def test_what_a_density_raises_is_raised(name):
    def broken(x):
        raise KeyError("broken")

    kernel, chain = KERNELS[name](), Chain(torch.randn(3, 2))
    chain = kernel.prepare(problem_of(normal), chain)
    with pytest.raises(KeyError, match="broken"):
        kernel.run(problem_of(broken), chain, 5)


@pytest.mark.parametrize("name", UNADJUSTED)
def test_a_run_asks_only_where_it_must(name, monkeypatch):
    asked, calls = [], []
    finite = Chain.finite
    monkeypatch.setattr(Chain, "finite", lambda chain: asked.append(1) or finite(chain))
    kernel, chain = KERNELS[name](), Chain(torch.zeros(40, 2))

    def costs(log_density):
        asked.clear()
        calls.clear()
        kernel.run(problem_of(lambda x: calls.append(1) or log_density(x)), chain, 20)
        return len(calls), len(asked)

    wall = walled(math.nan, at=0.5)
    once, twice = (21, 20), (41, 20)
    assert costs(normal) == (21, 0)
    assert costs(wall) == twice
    # From then on every step asks, until nothing is found.
    assert costs(wall) == once
    assert costs(normal) == once
    assert costs(normal) == (21, 0)


def test_a_subclass_whose_last_step_is_its_own_takes_it():
    class Resting(ULA):
        def last_step(self, problem, chain):
            return chain, {"non_finite": torch.zeros(())}

    torch.manual_seed(0)
    x = torch.randn(5, 2)
    assert torch.equal(Resting().run(problem_of(normal), Chain(x), 1)[0].x, x)

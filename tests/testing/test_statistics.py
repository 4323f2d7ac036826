"""The kit's verdicts on averages that are made up: suspicion, confirmation, too little to tell."""

import math

import pytest
import torch

from lightning_ebm.testing.normal import Normal, uneven
from lightning_ebm.testing.statistics import averages, judge, legendre
from lightning_ebm.testing.targets import correlated, overlapping


def chains(shift=0.0, n=1000, persistence=0.0):
    """A trial of autoregressive normal chains, off by a shift."""

    def trial(effort):
        z = torch.randn(n)
        draws = []
        for _ in range(10 * effort):
            z = persistence * z + math.sqrt(1 - persistence**2) * torch.randn(n)
            draws.append(torch.special.ndtr(z + shift))
        return averages({"the coordinate": torch.stack(draws)})

    return trial


def test_the_polynomials_are_orthonormal():
    u = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    values = torch.stack(legendre(u))
    assert torch.allclose(values @ values.T / len(u), torch.eye(3, dtype=u.dtype), atol=1e-8)
    assert torch.allclose(values.mean(1), torch.zeros(3, dtype=u.dtype), atol=1e-8)


def test_what_is_right_passes_and_what_is_off_fails():
    torch.manual_seed(0)
    assert judge(chains())[0] is True
    passed, words = judge(chains(shift=0.05))
    assert passed is False
    assert words.startswith("mean of the coordinate off by +0.0")


def test_chains_that_never_move_are_undecided():
    torch.manual_seed(0)
    passed, words = judge(chains(persistence=1.0))
    assert passed is None
    assert "1.0" in words
    assert "effective sample size" in words


def test_a_deviation_that_shrinks_is_undecided_unless_chains_began_right():
    def trial(effort):
        return chains(shift=0.4 / effort)(1)

    torch.manual_seed(0)
    assert judge(trial, at_law=False)[0] is None
    assert judge(trial)[0] is False
    assert judge(chains(shift=0.1), at_law=False)[0] is False


def test_a_suspicion_that_is_not_confirmed_passes():
    def trial(effort):
        return chains(shift=0.1 if effort == 1 else 0.0)(effort)

    torch.manual_seed(0)
    assert judge(trial)[0] is True


@pytest.mark.parametrize(
    "target", [overlapping(), correlated(4.0), Normal((1,)), uneven((1, 4, 4)), uneven((64,), 0.2)]
)
def test_the_functions_of_a_target_are_uniform_on_its_draws(target):
    torch.manual_seed(0)
    x = target.sample(40_000)[0]
    seen = averages(target.uniforms(x[None]))
    assert seen.z().abs().max() < 4.5


def test_a_right_sampler_is_suspected_as_often_as_is_said():
    torch.manual_seed(0)
    suspected = sum(
        math.erfc(float(chains(n=200)(1).z().abs().max()) / math.sqrt(2)) < 0.02 / 3
        for _ in range(1000)
    )
    # Binomial of 1,000 and at most .02: 32 or more have probability .01.
    assert suspected < 33

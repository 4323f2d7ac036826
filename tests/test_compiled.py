"""Compiled blocks make the chains of the steps that they are, or say that they cannot."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lightning_ebm import MCMC, MLP, Problem, RealNVP
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.kernels import (
    HMC,
    IMH,
    MALA,
    ULA,
    CompiledSteps,
    Cycle,
    GeneralisedHMC,
    GradientAscent,
    Kernel,
    in_a_row,
)
from lightning_ebm.kernels.compiled import Block, stretches_of
from lightning_ebm.networks import sampling
from lightning_ebm.problem import Evaluations
from lightning_ebm.starts import Persistent
from lightning_ebm.zero_density import begin_chains

KERNELS = {
    "ULA": lambda: ULA(0.05),
    "MALA": lambda: MALA(0.2, 0.6),
    "HMC": lambda: HMC(0.1, 2, [0.5, 2.0], 0.7),
    "GeneralisedHMC": lambda: GeneralisedHMC(0.1, 1, 0.9, 0.8, 0.1),
    "GradientAscent": lambda: GradientAscent(0.05, 0.1),
    "Cycle": lambda: Cycle([IMH(), MALA(0.2, 0.6)], [1, 2]),
}


def problem_of(energy: nn.Module, flow: RealNVP | None = None) -> Problem:
    """An energy on a Gaussian, with a wall on one side, past which it is not a number."""
    base = GaussianBase(event_shape=(2,))

    def log_density(x: Tensor) -> Tensor:
        inside = base.log_prob(x) - energy(x)
        return torch.where(x[:, 0] > 1.5, torch.full_like(inside, torch.nan), inside)

    networks = (energy,) if flow is None else (energy, flow)
    return Problem(log_density, (2,), base, flow, flow, networks=networks)


def steps(
    run: object, kernel: Kernel, problem: Problem, sizes: list[int], n_steps: int
) -> tuple[list[Tensor], list[dict[str, Tensor]], Evaluations, Tensor]:
    """All that a run of steps leaves: points, infos, counts, and the next random numbers."""
    torch.manual_seed(3)
    problem, ends, infos = replace(problem, evaluations=Evaluations()), [], []
    with sampling(*problem.networks):
        for n in sizes:
            begun = begin_chains(Persistent(), kernel, problem, n)
            chain, info = run(kernel, problem, begun.chain, n_steps)
            ends += [part for part in chain if part is not None]
            infos.append(info)
    return ends, infos, problem.evaluations, torch.rand(3)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("name", KERNELS)
def test_compiled_chains_are_those_of_eager_steps_at_any_number_of_chains(name):
    torch.manual_seed(0)
    flow = RealNVP([2], n_layers=2, hidden=8)
    flow.initialise(torch.randn(64, 2))
    problem = problem_of(MLP([2], [8], zero_start=False), flow)
    sizes, kernel, other = [40, 30, 60], KERNELS[name](), KERNELS[name]()
    compiled = CompiledSteps()
    ends, infos, counted, after = steps(compiled, kernel, problem, sizes, 2)
    truth, told, count, then = steps(in_a_row, other, problem, sizes, 2)
    assert len(ends) == len(truth)
    for end, true in zip(ends, truth, strict=True):
        assert torch.allclose(end, true, rtol=1e-4, atol=1e-5)
    for info, true in zip(infos, told, strict=True):
        assert info.keys() == true.keys()
        assert all(value.dim() == 0 for value in info.values())
        assert all(abs(info[key] - true[key]) < 1e-5 for key in true), (info, true)
    assert name == "GradientAscent" or sum(info["non_finite"] for info in told) > 0
    assert counted == count
    assert torch.equal(after, then)
    for key, value in kernel.state_dict().items():
        assert value.keys() == other.state_dict()[key].keys()
        assert abs(value["log_value"] - other.state_dict()[key]["log_value"]) < 1e-6
    # Of few chains, here fewer than 25, torch makes another graph.
    parts = {"IMH": 1, "MALA": 1} if name == "Cycle" else {name: 1}
    found = {kind.__name__: block for (kind, _), block in compiled.blocks.items()}
    assert {kind: block.compilations for kind, block in found.items()} == parts
    assert [block.refusal for block in found.values()] == [None] * len(found)


@pytest.mark.parametrize("wrap", [lambda energy: energy, torch.compile], ids=["plain", "compiled"])
def test_weights_that_train_are_seen_without_compiling_anew(wrap):
    torch.manual_seed(0)
    ends = []
    for compile in (True, False):
        torch.manual_seed(1)
        network = MLP([2], [8], zero_start=False)
        energy, optimizer = wrap(network), torch.optim.SGD(network.parameters(), lr=0.1)
        sampler = MCMC(Persistent(), MALA(0.2, 0.6), 2, compile=compile)
        for _ in range(5):
            x = sampler(problem_of(energy), 20).x
            optimizer.zero_grad()
            (network(torch.ones(20, 2)) - network(x)).mean().backward()
            optimizer.step()
        ends.append((x, *network.parameters()))
        if compile:
            assert [block.compilations for block in sampler.in_a_row.blocks.values()] == [1]
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(*ends, strict=True))


class Untraceable(nn.Module):
    """An energy that looks at a number on its way."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        if float(x.detach().abs().max()) > 1e6:
            raise FloatingPointError
        return (self.weight * x.square()).sum(1)


def test_what_cannot_be_traced_runs_as_ever_and_that_is_said_once():
    problem, kernel, other = problem_of(Untraceable()), MALA(0.2, 0.6), MALA(0.2, 0.6)
    with pytest.warns(UserWarning, match="compile is true, but MALA runs uncompiled") as said:
        ends, *_, after = steps(CompiledSteps(), kernel, problem, [20, 30], 2)
    assert len([one for one in said if "compile" in str(one.message)]) == 1
    truth, *_, then = steps(in_a_row, other, problem, [20, 30], 2)
    assert all(torch.equal(end, true) for end, true in zip(ends, truth, strict=True))
    assert torch.equal(after, then)


WITHOUT_COMPILER = """
import torch, warnings
from lightning_ebm import MLP, Problem
from lightning_ebm.base_measure import GaussianBase
from sampler_plugins.ula import ULASampler
warnings.simplefilter("ignore")
energy = MLP([2], [8], zero_start=False)
problem = Problem(lambda x: -energy(x), (2,), GaussianBase(event_shape=(2,)), networks=(energy,))
ends = []
for compile in (True, False):
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ends.append(ULASampler(2, compile=compile)(problem, 8).x)
        print(*[one.message for one in said if "compile" in str(one.message)])
assert torch.equal(*ends)
"""


def test_without_a_compiler_of_cpp_steps_run_as_ever_and_that_is_said_once(tmp_path):
    missing = {"CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILER],
        env=os.environ | missing | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ULA runs uncompiled, since torch finds no C++ compiler") == 1
    assert "install one, or set compile to false" in done.stdout


def test_stretches_are_the_steps_in_order_and_no_block_is_long():
    jump, walk = IMH(), MALA()
    assert stretches_of(walk, 22) == [(walk, 10), (walk, 10), (walk, 2)]
    assert stretches_of(Cycle([jump, walk], [1, 11]), 2) == [(jump, 1), (walk, 10), (walk, 1)] * 2
    assert stretches_of(Cycle([jump, walk], [0, 3]), 1) == [(walk, 3)]


def test_copies_of_a_sampler_share_what_is_compiled():
    sampler = MCMC(Persistent(), MALA(), 2, compile=True)
    assert copy.deepcopy(sampler).in_a_row is sampler.in_a_row
    assert sampler.state_dict().keys() == MCMC(Persistent(), MALA(), 2).state_dict().keys()
    assert Block().compilations == 0

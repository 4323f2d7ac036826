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
from lightning_ebm.chain import Chain
from lightning_ebm.ends import Ends
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
    cuda_graphs,
    in_a_row,
)
from lightning_ebm.kernels import compiled as compiled_blocks
from lightning_ebm.kernels.compiled import OLDEST, Block, stretches_of
from lightning_ebm.networks import sampling
from lightning_ebm.problem import Evaluations, Tilt
from lightning_ebm.starts import Persistent
from lightning_ebm.zero_density import begin_chains
from sampler_plugins.flow_tempering import FlowTemperingSampler

compiles = pytest.mark.skipif(
    torch.__version__ < OLDEST, reason=f"torch compiles the same chains from {OLDEST} on"
)
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


@compiles
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


@compiles
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


@compiles
@pytest.mark.parametrize(
    "local", [None, pytest.param(MALA(0.2, 0.6), marks=pytest.mark.slow)], ids=["default", "MALA"]
)
def test_rounds_of_tempering_are_compiled_and_the_same(local):
    """Of β the graph is told for each chain, and of evaluations nothing."""
    torch.manual_seed(0)
    flow, energy = RealNVP([2], n_layers=2, hidden=8), MLP([2], [8], zero_start=False)
    flow.initialise(torch.randn(64, 2))
    ends, counts = [], []
    for compile in (True, False):
        torch.manual_seed(1)
        sampler = FlowTemperingSampler(
            2, n_rungs=4, n_local=2, local=copy.deepcopy(local), compile=compile
        )
        target, evaluations = Tilt(lambda x: -energy(x), flow), Evaluations()
        problem = Problem(target, (2,), flow, flow, flow, networks=(energy, flow))
        problem = replace(problem, evaluations=evaluations)
        # More draws than it takes the ladder to be placed anew.
        for n in [30] * 12 + [40]:
            draw = sampler(problem, n)
        ends.append([draw.x, *draw.info.values(), sampler.tempering.ladder.betas])
        counts.append(evaluations)
        if compile:
            (block,) = sampler.tempering.in_a_row.blocks.values()
            assert (block.compilations, block.refusal) == (1, None)
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(*ends, strict=True))
    assert counts[0] == counts[1]


@compiles
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is at hand")
@pytest.mark.parametrize("target_acceptance", [None, 0.6])
def test_blocks_recorded_on_a_gpu_leave_alone_what_they_gave(target_acceptance):
    torch.manual_seed(0)
    energy = MLP([2], [8], zero_start=False).cuda()
    base = GaussianBase(event_shape=(2,)).cuda()
    problem = Problem(lambda x: base.log_prob(x) - energy(x), (2,), base)
    ends = []
    for run in (CompiledSteps(), in_a_row):
        torch.manual_seed(1)
        kernel, chains = MALA(0.2, target_acceptance), []
        chain = kernel.prepare(problem, Chain(torch.randn(64, 2, device="cuda")))
        for _ in range(5):
            chain, _ = run(kernel, problem, chain, 3)
            chains.append(chain)
        ends.append([*(chain.x for chain in chains), kernel.step_size.log_value])
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(*ends, strict=True))


def test_what_a_cuda_graph_gives_is_copied_whole():
    chain = Chain(torch.ones(2, 1), ends=Ends(torch.ones(2), torch.ones(2)))
    given = (chain, {"step_size": torch.ones(())})
    kept = cuda_graphs.owned(given)
    for part in (chain.x, *chain.ends[:2], given[1]["step_size"]):
        part.zero_()
    assert kept[0].x.sum() == 2
    assert kept[0].ends.log_weight.sum() == 2
    assert kept[0].score is None
    assert kept[1]["step_size"] == 1


def test_a_torch_that_makes_other_chains_compiles_nothing_and_that_is_said_once(monkeypatch):
    monkeypatch.setattr(compiled_blocks, "OLDEST", "99.1")
    sampler = MCMC(Persistent(), MALA(), 2, compile=True)
    problem = problem_of(MLP([2], [8]))
    with pytest.warns(
        UserWarning, match=r"MALA runs uncompiled, since torch .*install torch 99.1"
    ) as said:
        [sampler(problem, 8) for _ in range(2)]
    assert len([one for one in said if "compile" in str(one.message)]) == 1
    assert [block.compilations for block in sampler.in_a_row.blocks.values()] == [0]


class Untraceable(nn.Module):
    """An energy that looks at a number on its way."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        if float(x.detach().abs().max()) > 1e6:
            raise FloatingPointError
        return (self.weight * x.square()).sum(1)


@compiles
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


@compiles
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

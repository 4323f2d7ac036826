"""How the cost and the memory of a draw grow with chains, dimension, steps, rungs and processes.

    python -m benchmarks.growth [--quick] [--json FILE] [AXIS ...]

One number grows at a time, all others stay: 1,000 chains in the plane, 10 steps of ULA, an MLP of
two layers of 128, one thread. CPU time is per chain and step, of the quicker of two draws; memory
is how much the process came to need at most over what it needed before the draw. Each case is a
process of its own. Rungs are those of `flow_tempering`, whose step is a round, of 200 columns.
Processes are joined by gloo: each draws, and takes a training step by an energy that they average.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch
from torch import Tensor, distributed, nn

from benchmarks.measuring import machine, show
from lightning_ebm import MLP, ConvNet, Problem, RealNVP
from lightning_ebm.base_measure import GaussianBase
from sampler_plugins.flow_tempering import FlowTemperingSampler
from sampler_plugins.ula import ULASampler


@dataclass(frozen=True)
class Case:
    """A draw.

    Attributes:
        chains: how many, in each process.
        dimension: of the space, for points that are no images.
        steps: of the kernel, or rounds.
        image: side of an image; 0 for points.
        rungs: of a ladder; 0 for ULA.
        processes: that draw side by side, and train if there is an entry for them.
        train: whether a training step follows the draw.
        chunk_size: chains that the network is given at once.
    """

    chains: int = 1000
    dimension: int = 2
    steps: int = 10
    image: int = 0
    rungs: int = 0
    processes: int = 1
    train: bool = False
    chunk_size: int | None = None


@dataclass(frozen=True)
class Measured:
    """What a draw took: CPU µs per chain and step, and MiB."""

    microseconds: float
    mebibytes: float

    def __str__(self) -> str:
        return f"{self.microseconds:.2f} µs, {self.mebibytes:,.0f} MiB"


PLAIN = Case()
CHUNK = 10_000
WHOLE = 100_000
"""Chains up to which networks are given all at once: ten times as many need ten times as much."""


def axes(*, quick: bool) -> dict[str, dict[str, dict[str, Case]]]:
    """For each number that grows a table of cases, by rows and columns."""
    chains = [100, 10_000] if quick else [100, 1000, 10_000, 100_000, 1_000_000]
    dimensions = [2, 64] if quick else [2, 16, 128, 1024, 4096]
    steps = [1, 10] if quick else [1, 10, 100, 1000]
    rungs = [3, 6] if quick else [3, 6, 12, 24]
    sides = [8, 16] if quick else [16, 28, 56, 112]
    return {
        "chains": {
            f"{n:,}": {
                "all at once": replace(PLAIN, chains=n),
                f"chunk_size {CHUNK:,}": replace(PLAIN, chains=n, chunk_size=CHUNK),
            }
            for n in chains
        },
        "dimension": {f"{d:,}": {"1,000 chains": replace(PLAIN, dimension=d)} for d in dimensions},
        "steps": {f"{n:,}": {"1,000 chains": replace(PLAIN, steps=n)} for n in steps},
        "rungs": {str(k): {"200 columns": Case(chains=200, steps=4, rungs=k)} for k in rungs},
        "image": {
            f"{s} x {s}": {
                "64 chains": Case(chains=64, image=s),
                "64 chains, chunk_size 8": Case(chains=64, image=s, chunk_size=8),
            }
            for s in sides
        },
        "processes": {
            str(k): {"1,000 chains each": replace(PLAIN, processes=k, train=True)} for k in (1, 2)
        },
    }


def measure(case: Case) -> Measured:
    """Run a case in processes of its own; of several the one that took the longest."""
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = [
        context.Process(target=_work, args=(case, rank, port, results))
        for rank in range(case.processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError(f"{case} failed")
    found = [results.get() for _ in workers]
    return max(found, key=lambda one: one.microseconds)


def _work(case: Case, rank: int, port: int, results: SimpleQueue) -> None:
    torch.manual_seed(rank)
    if case.processes > 1:
        address = f"tcp://127.0.0.1:{port}"
        distributed.init_process_group(
            "gloo", init_method=address, rank=rank, world_size=case.processes
        )
    draw = prepared(case)
    before = _resident("VmRSS")
    # What the process needed at most is counted from here on.
    Path("/proc/self/clear_refs").write_text("5")
    seconds = []
    for _ in range(2):
        begun = time.process_time()
        draw()
        seconds.append(time.process_time() - begun)
    peak = _resident("VmHWM") - before
    results.put(Measured(1e6 * min(seconds) / case.chains / case.steps, peak / 1024))
    if case.processes > 1:
        distributed.destroy_process_group()


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def prepared(case: Case) -> Callable[[], object]:
    """What is measured."""
    shape = [1, case.image, case.image] if case.image else [case.dimension]
    if case.image:
        energy: nn.Module = ConvNet(shape, zero_start=False)
    else:
        energy = MLP(shape, hidden=[128, 128], zero_start=False)
    flow = RealNVP(shape) if case.rungs else None
    if flow is not None:
        flow.initialise(torch.randn(1000, *shape))
        sampler = FlowTemperingSampler(case.steps, case.rungs, chunk_size=case.chunk_size)
    else:
        sampler = ULASampler(case.steps, step_size=1e-3, chunk_size=case.chunk_size)
    problem = Problem(
        lambda x: -energy(x).flatten(),
        tuple(shape),
        GaussianBase(event_shape=tuple(shape)),
        proposal=flow,
        flow=flow,
        networks=tuple(part for part in (energy, flow) if part is not None),
    )
    if not case.train:
        return lambda: sampler(problem, case.chains)
    return _training(case, energy, lambda: sampler(problem, case.chains).x)


def _training(case: Case, energy: nn.Module, draw: Callable[[], Tensor]) -> Callable[[], None]:
    learner = nn.parallel.DistributedDataParallel(energy) if case.processes > 1 else energy
    optimizer = torch.optim.Adam(energy.parameters())
    data = torch.randn(case.chains, case.dimension)

    def step() -> None:
        x = torch.cat([data, draw()])
        positive, negative = learner(x).flatten().split(case.chains)
        optimizer.zero_grad()
        (positive.mean() - negative.mean()).backward()
        optimizer.step()

    return step


def main() -> None:
    """Measure, print, write."""
    names = list(axes(quick=True))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("axes", nargs="*", metavar="AXIS", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="small cases alone")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if unknown := sorted(set(given.axes) - set(names)):
        parser.error(f"nothing called {unknown[0]} grows: choose of {', '.join(names)}")
    torch.set_num_threads(1)
    written = {}
    for name, rows in axes(quick=given.quick).items():
        if given.axes and name not in given.axes:
            continue
        table = {
            row: {
                column: measure(case)
                for column, case in columns.items()
                if case.chains <= WHOLE or case.chunk_size is not None
            }
            for row, columns in rows.items()
        }
        show(f"Growth with {name}: CPU time per chain and step, memory of a draw", table)
        written[name] = [
            {"row": row, "case": asdict(rows[row][column]), **asdict(one)}
            for row, columns in table.items()
            for column, one in columns.items()
        ]
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine(), "growth": written}, indent=1))


if __name__ == "__main__":
    main()

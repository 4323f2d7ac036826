"""Effective draws per density and per CPU second: `flow_mcmc` against flowMC (JAX).

    python -m benchmarks.flowmc --python PYTHON [--dimensions 2 8 32] [--seeds 5] [--json FILE]

PYTHON is that of an environment with flowMC. Both sample a mixture of two unit Gaussians, .3 and
.7, six apart, by 100 chains, in loops of 5 MALA steps and 5 flow proposals, the flow a coupling
by rational-quadratic splines of 4 layers, which learns from the chains in as many steps of Adam.
What differs: flowMC's flow learns from the last 10,000 states at each step, ours from the chains'
latest; flowMC adapts step sizes coordinate by coordinate. In a row of its own the loops that are
measured run as compiled steps, with nothing compiled before. Sizes are bulk effective sample sizes
(Vehtari et al. 2021) of the indicator of the lighter mode and of the first coordinate, of the
states after each loop. CPU time is that of the whole process, which is held to one core. The last
columns are CPU seconds, training and compilation included, until the weight is known to .005.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy
import torch
from arviz_stats.base import array_stats

from benchmarks.flowmc.ours import Production, run

PRECISION = 0.005
LAYOUT = {
    "chains": 100,
    "local": 5,
    "global": 5,
    "training_loops": 20,
    "epochs": 20,
    "warm_up": 5,
    "loops": 300,
    "step_size": 0.1,
    "layers": 4,
    "hidden": 32,
    "bins": 8,
    "learning_rate": 1e-3,
    "weights": [0.3, 0.7],
    "spread": 3.0,
}


def settings_of(dimension: int, seed: int) -> dict[str, Any]:
    """Everything that both sides need."""
    means = [[side, *[0.0] * (dimension - 1)] for side in (-3.0, 3.0)]
    return LAYOUT | {"dimension": dimension, "seed": seed, "means": means}


def theirs(python: Path, settings: dict[str, Any]) -> Production:
    """What flowMC gives, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.npz"
        script = Path(__file__).with_name("theirs.py")
        single = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        subprocess.run(
            [str(python), str(script), json.dumps(settings), str(out)],
            env=os.environ | {"XLA_FLAGS": single, "OMP_NUM_THREADS": "1"},
            check=True,
            stdout=sys.stderr,
        )
        with numpy.load(out) as found:
            return Production(
                found["states"], *(float(found[k]) for k in ("seconds", "total", "densities"))
            )


def figures(side: Production) -> dict[str, float]:
    """What is compared."""
    states = torch.from_numpy(side.states).double()
    lighter = (states[:, :, 0] < 0).double()
    size = _size(lighter)
    loops = len(states)
    weight = float(lighter.mean())
    enough = 0.3 * 0.7 / PRECISION**2
    return {
        "per 1,000 densities": 1000 * size / (loops * side.densities),
        "of x1 per 1,000 densities": 1000 * _size(states[:, :, 0]) / (loops * side.densities),
        "per CPU second": size / side.seconds,
        "weight": weight,
        "seconds to .005": side.total - side.seconds + side.seconds * enough / size,
    }


def _size(values: torch.Tensor) -> float:
    """Bulk effective sample size of `(draws, chains)`, above their number where they alternate."""
    return float(array_stats.ess(values.numpy(), method="bulk", draw_axis=0, chain_axis=1))


def compare(python: Path, dimension: int, seeds: int) -> dict[str, dict[str, float]]:
    """Medians over seeds, the sides in turns."""
    kinds = {"flow_mcmc": False, "flow_mcmc, compiled": True}
    sides: dict[str, list[dict[str, float]]] = {name: [] for name in (*kinds, "flowMC")}
    for seed in range(seeds):
        settings = settings_of(dimension, seed)
        for name, compiled in kinds.items():
            sides[name].append(figures(_in_own_process(settings | {"compile": compiled})))
        sides["flowMC"].append(figures(theirs(python, settings)))
    return {
        side: {name: statistics.median(one[name] for one in runs) for name in runs[0]}
        for side, runs in sides.items()
    }


def _in_own_process(settings: dict[str, Any]) -> Production:
    """Ours as theirs: with its imports, from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.npz"
        subprocess.run(
            [sys.executable, "-m", "benchmarks.flowmc", "--one", json.dumps(settings), str(out)],
            env=os.environ | {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_CACHE_DIR": folder},
            check=True,
        )
        with numpy.load(out) as found:
            return Production(
                found["states"], *(float(found[k]) for k in ("seconds", "total", "densities"))
            )


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", type=Path, help="of an environment with flowMC")
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        side = run(json.loads(given.one[0]), 0.0)
        numpy.savez(given.one[1], **vars(side))
        return
    if given.python is None:
        parser.error("--python is missing: give the Python of an environment with flowMC")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    begun = time.perf_counter()
    found = {d: compare(given.python, d, given.seeds) for d in given.dimensions}
    columns = list(next(iter(found.values()))["flowMC"])
    print(f"| d | | {' | '.join(columns)} |")
    print("| --- " * (len(columns) + 2) + "|")
    for dimension, sides in found.items():
        for side, row in sides.items():
            cells = [f"{row[column]:,.4g}" for column in columns]
            print(f"| {dimension} | {side} | {' | '.join(cells)} |")
    print(f"\n{given.seeds} seeds, {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    if given.json is not None:
        given.json.write_text(json.dumps({"layout": LAYOUT, "figures": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""All benchmarks by one command: their tables, and all of them in one file.

    python -m benchmarks [--quick] [--json benchmarks.json] [--mnist FOLDER] [NAME ...]

Each benchmark is a process of its own; what it compares stands in the head of its file, the first
line of which is printed over its tables. The file has the machine, the versions, the command, and
of each benchmark its command, exit status, seconds, tables and what else it printed. `--quick` has
few turns and small cases: it shows that all run, not what anything costs. A benchmark that needs
more than the library is left out, which is said, unless it is given that. The file is written
after each of them. The status is 1 if one failed.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import machine

FOLDER = Path(__file__).parent
FIT = ("--config", "two_modes.yaml")


@dataclass(frozen=True)
class Benchmark:
    """How a module of this folder is run.

    Attributes:
        full: arguments of a whole run.
        quick: those of a quick one.
        needs: the option of this command that gives it what it needs; None if it needs nothing.
        takes: the option that gives it what it can do without.
    """

    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    needs: str | None = None
    takes: str | None = None


BENCHMARKS = {
    "draws": Benchmark(quick=("--seconds", "0.1", "mixture, 1,000", "MLP, 64")),
    "compiled_draws": Benchmark(quick=("--seconds", "0.1", "MLP, 64")),
    "growth": Benchmark(quick=("--quick",)),
    "global_moves": Benchmark(quick=("--seconds", "0.1")),
    "latent_score_cost": Benchmark(),
    "training_step": Benchmark(
        quick=("--blocks", "3", "--configurations", "two_modes", "--samplers", "ula"),
        takes="mnist",
    ),
    "validation_cost": Benchmark(FIT, (*FIT, "--trainer.max_steps=50")),
    "start": Benchmark(quick=("--turns", "1")),
    "kills": Benchmark(quick=("--kills", "2", "--processes", "1", "--epochs", "3")),
    "rare_modes": Benchmark(quick=("packaged", "--steps", "50", "--seeds", "0")),
    "trust_attack": Benchmark(quick=("--cases", "1")),
    "tempering_moves": Benchmark(quick=("--rounds", "8"), needs="checkpoint"),
    "flowmc": Benchmark(quick=("--dimensions", "2", "--seeds", "1"), needs="python"),
}


def main(arguments: Sequence[str]) -> int:
    """Run them one after the other, print and write what they printed; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="few turns, small cases")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    parser.add_argument(
        "--checkpoint", type=Path, help="of a model with a base flow, for tempering_moves"
    )
    parser.add_argument("--python", help="of an environment with flowMC, for flowmc")
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's files, for training_step")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - set(BENCHMARKS)):
        parser.error(f"there is no benchmark {unknown[0]}: choose of {', '.join(BENCHMARKS)}")
    content = {"machine": machine(), "command": ["python", "-m", "benchmarks", *arguments]}
    results = content["benchmarks"] = {}
    given.json.write_text(as_text(content))
    for name in given.names or BENCHMARKS:
        options = options_of(name, vars(given))
        if options is None:
            print(f"\n# {name}: left out, --{BENCHMARKS[name].needs} is not given", flush=True)
            continue
        print(f"\n# {name}: {headline(name)}\n", flush=True)
        results[name] = run(name, options)
        given.json.write_text(as_text(content))
    failed = [name for name, result in results.items() if result["status"] != 0]
    print(f"\n{len(results)} benchmarks, written to {given.json}; failed: {failed or 'none'}")
    return 1 if failed else 0


def as_text(content: dict[str, object]) -> str:
    """The file's text."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def options_of(name: str, given: dict[str, object]) -> list[str] | None:
    """The arguments of a benchmark; None where what it needs is not given."""
    benchmark = BENCHMARKS[name]
    options = list(benchmark.quick if given["quick"] else benchmark.full)
    if benchmark.needs == "checkpoint":
        options.insert(0, given["checkpoint"] and str(given["checkpoint"].absolute()))
    elif benchmark.needs is not None:
        options += [f"--{benchmark.needs}", given[benchmark.needs]]
    if benchmark.takes is not None and given[benchmark.takes] is not None:
        options += [f"--{benchmark.takes}", str(given[benchmark.takes].absolute())]
    return None if None in options else options


def headline(name: str) -> str:
    """What a benchmark compares: the first line of its file."""
    path = FOLDER / f"{name}.py"
    path = path if path.exists() else FOLDER / name / "__main__.py"
    return ast.get_docstring(ast.parse(path.read_text())).partition("\n")[0]


def run(name: str, options: list[str]) -> dict[str, object]:
    """Run a benchmark in a process of its own, showing what it prints; what came of it."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    begun, lines = time.perf_counter(), []
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=folder, env=_here()
        ) as process,
    ):
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
    tables, rest = tables_in(lines)
    return {
        "command": ["python", *command[1:]],
        "status": process.returncode,
        "seconds": round(time.perf_counter() - begun, 1),
        "tables": tables,
        "text": [line for line in rest if line.strip()],
    }


def _here() -> dict[str, str]:
    """The environment, with this repository importable from any folder."""
    paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def tables_in(lines: Sequence[str]) -> tuple[list[list[dict[str, str]]], list[str]]:
    """The Markdown tables among lines, each a list of rows by column, and the other lines."""
    tables, rest, columns = [], [], None
    for line in lines:
        if not line.startswith("|"):
            rest.append(line)
            columns = None
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if columns is None:
            columns = cells
            tables.append([])
        elif set("".join(cells)) - set("-: "):
            tables[-1].append(dict(zip(columns, cells, strict=False)))
    return tables, rest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

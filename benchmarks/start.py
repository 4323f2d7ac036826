"""CPU seconds of a start: imports and commands that answer at once, against `import torch`.

    python -m benchmarks.start [--turns N]

Each is a process of its own on one thread, started in turns in an empty folder, so that what else
the machine does falls on all alike; the first turn fills the caches and does not count. User and
system time of the process, medians with quartiles, beside the median of the differences to
`import torch` and of the ratios, both within a turn. A command that is refused counts as any.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

BASE = "import torch"
LIGHTNING = Path(sys.executable).with_name("lightning")
IMPORTS = (BASE, "import lightning", "import lightning_ebm", "from lightning_ebm import MCMC")
ANSWERS = (
    "--version",
    "--help",
    "fit --help",
    "samplers",
    "samplers flow_mcmc",
    "fitt",
    "fit --config two_modes.yaml --trainer.max_stepz=3",
    "fit --config two_modes.yaml --model.sampler=ulla",
    "fit --config two_modes.yaml --print_config",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=5, help="turns that count")
    turns = parser.parse_args().turns
    commands = {line: [sys.executable, "-c", line] for line in IMPORTS}
    commands |= {f"lightning {line}": [str(LIGHTNING), *line.split()] for line in ANSWERS}
    spent = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(turns + 1):
            for name, command in commands.items():
                seconds = _cpu_seconds(command, folder)
                if turn > 0:
                    spent[name].append(seconds)
    print(f"{'':58}seconds (quartiles)   - torch   / torch")
    for name, times in spent.items():
        pairs = list(zip(times, spent[BASE], strict=True))
        low, _, high = quantiles(times, method="inclusive") if len(times) > 1 else times * 3
        print(
            f"{name:58}{median(times):5.2f} ({low:.2f}-{high:.2f})"
            f"{median(mine - torch for mine, torch in pairs):+12.2f}"
            f"{median(mine / torch for mine, torch in pairs):10.2f}",
            flush=True,
        )


def _cpu_seconds(command: list[str], folder: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()

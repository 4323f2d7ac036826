"""`lightning reproduce`: carry out an experiment and say where its results are."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from lightning_ebm.checkpoints.writable import require_writable
from lightning_ebm.cli.sentence_parser import SentenceParser
from lightning_ebm.reproduce.experiment import carry_out
from lightning_ebm.reproduce.experiments import EXPERIMENTS
from lightning_ebm.reproduce.run import Command

NOTICE = (
    "A reconstruction of the claim: the paper's own settings are not published, "
    "and no number of it is reproduced."
)


def reproduce(args: list[str], command: Command) -> None:
    """Parse the arguments and carry out one experiment.

    Args:
        args: what follows `lightning reproduce`.
        command: trains and tests.
    """
    parser = SentenceParser(
        prog="lightning reproduce",
        description="Carry out an experiment on a claim of the poster. Writes figure.png, "
        "summary.csv, results.csv and runs.yaml; a run that was cut off goes on, one that is done "
        f"is kept. {NOTICE}",
    )
    claims = " ".join(f"{name}: {experiment.claim}" for name, experiment in EXPERIMENTS.items())
    parser.add_argument("experiment", choices=EXPERIMENTS, help=claims)
    parser.add_argument("--output", type=Path, default=Path("reproduced"), help="folder to fill")
    parser.add_argument("--seeds", type=_count, default=3, help="seeds per setting")
    parser.add_argument(
        "--workers", type=_count, default=os.cpu_count(), help="runs at a time, one core each"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few and short runs, in at most 2 minutes"
    )
    parser.add_argument(
        "--data-dir", type=Path, help="folder of MNIST's files, downloaded if absent; for classes"
    )
    chosen = parser.parse_args(args)
    experiment = EXPERIMENTS[chosen.experiment]
    if chosen.data_dir is not None:
        if experiment.data_dir is None:
            parser.error(f"{chosen.experiment} needs no data: leave out --data-dir")
        experiment.data_dir = chosen.data_dir
    require_writable(chosen.output, "--output", chosen.output)
    print(f"{experiment.claim}\n{NOTICE}")
    folder = chosen.output / (chosen.experiment + ("_quick" if chosen.quick else ""))
    written = carry_out(
        experiment, folder, chosen.seeds, chosen.workers, command, quick=chosen.quick
    )
    print("Written: " + ", ".join(map(str, written)))


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a number of at least 1")
    return number

"""The contract of an experiment, and how one is carried out: runs in parallel, table, picture."""

from __future__ import annotations

import csv
import multiprocessing
from abc import ABC, abstractmethod
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml
from matplotlib.figure import Figure
from tqdm import tqdm

from lightning_ebm.reproduce.run import Command, Run, begin_worker, complete


@dataclass(frozen=True)
class Outcome:
    """A run and what its test measured; no metrics if it diverged."""

    run: Run
    metrics: dict[str, float] | None


class Experiment(ABC):
    """A claim of the poster, the runs that try it, and the picture that shows the outcome.

    To implement one: set the attributes, write `runs` and `draw`.

    Attributes:
        claim: the sentence that it tries.
        columns: metrics of a run that the table shows, by column name.
        groups: labels over which seeds are summarised.
        data_dir: folder of data files, if the runs need any.
    """

    claim: str
    columns: dict[str, str]
    groups: tuple[str, ...]
    data_dir: Path | None = None

    @abstractmethod
    def runs(self, n_seeds: int, *, quick: bool) -> list[Run]:
        """The runs; `quick` ones are short and few, and only show that all works."""

    @abstractmethod
    def draw(self, outcomes: list[Outcome], root: Path) -> Figure:
        """The picture of what came out."""


def carry_out(
    experiment: Experiment,
    root: Path,
    n_seeds: int,
    n_workers: int,
    command: Command,
    *,
    quick: bool,
) -> list[Path]:
    """Run what is not yet done, then write the settings, two tables and the picture.

    Args:
        experiment: what to carry out.
        root: folder of its runs and results.
        n_seeds: seeds per setting.
        n_workers: runs at a time.
        command: trains and tests; a function that other processes can import.
        quick: whether to show only that all works.

    Returns:
        The files written: `figure.png`, `summary.csv`, `results.csv`, `runs.yaml`.
    """
    runs = experiment.runs(n_seeds, quick=quick)
    root.mkdir(parents=True, exist_ok=True)
    (root / "runs.yaml").write_text(yaml.safe_dump([asdict(run) for run in runs], sort_keys=False))
    outcomes = _complete_all(runs, root, n_workers, command)
    rows = [_row(experiment, outcome) for outcome in outcomes]
    summary = _summary(experiment, rows)
    write_table(root / "results.csv", rows)
    write_table(root / "summary.csv", summary)
    experiment.draw(outcomes, root).savefig(root / "figure.png", dpi=120)
    print(_printed(summary))
    return [root / name for name in ("figure.png", "summary.csv", "results.csv", "runs.yaml")]


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows, all of the same columns, as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _complete_all(runs: list[Run], root: Path, n_workers: int, command: Command) -> list[Outcome]:
    metrics = {}
    # Spawned, since a forked copy of a process that has run torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, context, initializer=begin_worker) as pool:
        futures = {pool.submit(complete, run, root, command): run.name for run in runs}
        for future in tqdm(as_completed(futures), desc=root.name, total=len(runs), unit="run"):
            metrics[futures[future]] = future.result()
    return [Outcome(run, metrics[run.name]) for run in runs]


def _row(experiment: Experiment, outcome: Outcome) -> dict[str, Any]:
    measured = outcome.metrics or {}
    values = {name: measured.get(key) for name, key in experiment.columns.items()}
    return outcome.run.labels | {"diverged": outcome.metrics is None} | values


def _summary(experiment: Experiment, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[object, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in experiment.groups), []).append(row)
    return [
        dict(zip(experiment.groups, group, strict=True))
        | {"runs": len(members), "diverged": sum(bool(row["diverged"]) for row in members)}
        | {name: _mean_and_deviation(members, name) for name in experiment.columns}
        for group, members in groups.items()
    ]


def _mean_and_deviation(rows: list[dict[str, Any]], column: str) -> str:
    values = [row[column] for row in rows if row[column] is not None]
    if not values:
        return ""
    return f"{mean(values):.4g}" + (f" ± {stdev(values):.2g}" if len(values) > 1 else "")


def _printed(rows: list[dict[str, Any]]) -> str:
    lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )

"""How benchmarks measure: CPU time of commands in turns, and their ratios in one run."""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import torch


@dataclass(frozen=True)
class Ratio:
    """CPU time of one thing over that of another, measured in turns.

    Attributes:
        median: of the ratios of all turns.
        lower: first quartile.
        upper: third quartile.
        seconds: median CPU time of the thing itself.
    """

    median: float
    lower: float
    upper: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lower:.2f}-{self.upper:.2f})"


def ratios(things: Mapping[str, Callable[[], object]], seconds: float = 2.0) -> dict[str, Ratio]:
    """CPU time of each over that of the first, in turns, for about so many seconds each.

    Every turn runs all of them once, so that what else the machine does falls on all alike. The
    first turn warms up and does not count.
    """
    for thing in things.values():
        thing()
    spent: dict[str, list[float]] = {name: [] for name in things}
    begun = time.process_time()
    while (
        time.process_time() - begun < seconds * len(things) or len(next(iter(spent.values()))) < 5
    ):
        for name, thing in things.items():
            before = time.process_time()
            thing()
            spent[name].append(time.process_time() - before)
    first = next(iter(spent.values()))
    return {name: _ratio(times, first) for name, times in spent.items()}


def _ratio(times: list[float], first: list[float]) -> Ratio:
    turns = [mine / theirs for mine, theirs in zip(times, first, strict=True)]
    lower, median, upper = statistics.quantiles(turns, n=4)
    return Ratio(median, lower, upper, statistics.median(times))


Table = dict[str, dict[str, Ratio]]
"""Rows of columns."""


def show(title: str, table: Mapping[str, Mapping[str, object]]) -> None:
    """Print a table of ratios or texts, in Markdown."""
    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    print(f"\n{title}\n")
    print("| | " + " | ".join(columns) + " |")
    print("| --- " * (len(columns) + 1) + "|")
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(str(row.get(column, "")) for column in columns) + " |")
    sys.stdout.flush()


def machine() -> dict[str, str | int]:
    """What ratios were measured on, and with."""
    names = ("torch", "lightning", "normflows", "lightning-ebm")
    versions = {name: metadata.version(name) for name in names}
    processor = platform.processor() or platform.machine()
    return {"processor": processor, "threads": torch.get_num_threads(), **versions}


def write(path: Path, tables: Mapping[str, Table]) -> None:
    """Write tables and the machine as JSON."""
    content = {
        title: {
            name: {c: asdict(ratio) for c, ratio in row.items()} for name, row in table.items()
        }
        for title, table in tables.items()
    }
    path.write_text(json.dumps({"machine": machine()} | content, indent=1) + "\n")

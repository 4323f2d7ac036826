"""What `validate` and `test` show on a terminal: the verdict, then figures by question."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lightning_ebm.callbacks.layout import GROUP
from lightning_ebm.callbacks.units import unit

QUESTIONS = {
    "Can it be believed?": ("model/log_z", "log_z/lower", "log_z/upper", "log_z/unseen_share"),
    "Is it right?": (
        "*/nll",
        "*/bits_per_dimension",
        "*/nll_in_data_units",
        "*/over_flow",
        "model/kl",
        "*_weight_tv",
    ),
    "Do chains mix?": (
        "*_r_hat",
        "*_ess_bulk",
        "*_ess_tail",
        "sampler/acceptance*",
        "*crossings_per_1000_evaluations",
        "ladder/renewals",
        "*/age",
        "sampler/unmoved",
        "*/non_finite",
    ),
}
"""Which figures answer which question, in the order in which they are shown."""
OWNERS = ("data", "model", "samples", "flow")
"""Whose weights of modes or classes are shown beside each other."""
WEIGHT = re.compile(rf"(\w+)/(mode|class)_weight_({GROUP})")
VERDICT = "log Z by"
"""How the remark begins that says whether log Z is trusted."""
COLOURS = (("not trusted", "bold red"), ("trusted", "bold green"), ("", "bold yellow"))

Figures = Mapping[str, float]


def show_report(figures: Figures, remarks: Sequence[str]) -> None:
    """Print the verdict, a table for each question, weights, and what else there is to say.

    Args:
        figures: all that was measured, name to number. What answers no question is not shown.
        remarks: sentences on them.
    """
    console = Console(highlight=False, markup=False)
    for remark in remarks:
        if remark.startswith(VERDICT):
            colour = next(style for words, style in COLOURS if words in remark)
            console.print(Text(remark, colour), soft_wrap=True)
    for question, patterns in QUESTIONS.items():
        names = list(dict.fromkeys(_matching(figures, patterns)))
        if names:
            console.print(_answers(question, figures, names))
    for kind in ("mode", "class"):
        weights = _weights(kind, figures)
        if weights is not None:
            console.print(weights)
    for remark in remarks:
        if not remark.startswith(VERDICT):
            console.print(Text(remark), soft_wrap=True)


def _matching(figures: Figures, patterns: Sequence[str]) -> Iterator[str]:
    for pattern in patterns:
        yield from (name for name in sorted(figures) if fnmatch(name, pattern))


def _answers(question: str, figures: Figures, names: Sequence[str]) -> Table:
    table = Table(title=question, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    for name in names:
        table.add_row(name, with_error(figures[name], _error(figures, name)), unit(name) or "")
    return table


def _weights(kind: str, figures: Figures) -> Table | None:
    """Weights of modes or classes, a row each, with a column for whose they are."""
    found = [match for match in map(WEIGHT.fullmatch, figures) if match and match[2] == kind]
    owners = [owner for owner in OWNERS if owner in {match[1] for match in found}]
    groups = sorted({match[3] for match in found if match[1] in owners}, key=_in_order)
    if not groups:
        return None
    table = Table(title=f"Weights of {kind}s".replace("classs", "classes"), box=SIMPLE_HEAD)
    table.title_justify, table.title_style = "left", "bold"
    table.add_column(kind, justify="right")
    for owner in owners:
        table.add_column(owner, justify="right")
    for group in groups:
        names = [f"{owner}/{kind}_weight_{group}" for owner in owners]
        cells = [
            with_error(figures[name], _error(figures, name)) if name in figures else ""
            for name in names
        ]
        table.add_row(group, *cells)
    return table


def _in_order(group: str) -> tuple[bool, int, str]:
    """Numbers by their size, then names by the alphabet."""
    number = re.fullmatch(r"-?\d+", group)
    return (False, int(group), "") if number else (True, 0, group)


def _error(figures: Figures, name: str) -> float | None:
    """The standard error of a figure, where one was measured."""
    if name == "model/log_z":
        name = "log_z/bridge"
    weight = WEIGHT.fullmatch(name)
    key = f"{name}_standard_error"
    if weight:
        key = f"{weight[1]}/{weight[2]}_weight_standard_error_{weight[3]}"
    error = figures.get(key)
    return error if error is not None and math.isfinite(error) else None


def with_error(value: float, error: float | None) -> str:
    """A number in four digits, or in as many as its standard error, of two digits, leaves sure."""
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else str(value)
    if error is None or error <= 0:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:,.{decimals}f} ± {error:.{decimals}f}"

"""What chains say of a target, and whether they agree, in ArviZ's words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.evaluation.convergence import convergence

AGREED, APART, ENOUGH = 1.01, 1.05, 400.0
"""R-hat below which chains agree, from which on they do not, and effective draws that suffice for
it to be believed: Vehtari et al. 2021."""
MOST_DIAGNOSED, MOST_SHOWN = 100, 10
"""Coordinates, evenly spaced, that are diagnosed of a point that has more, and rows printed."""


class Row(NamedTuple):
    """One quantity along the chains."""

    name: str
    mean: float
    sd: float
    r_hat: float
    ess_bulk: float
    ess_tail: float


@dataclass(frozen=True)
class Summary:
    """Figures of each coordinate and of the log-density; `print` shows the worst of them.

    Attributes:
        rows: one for each quantity.
        acceptance: mean acceptance of local moves and of those that a flow proposes.
        sentences: whether chains agree, and what else is to be known.
    """

    rows: list[Row]
    acceptance: dict[str, float]
    sentences: list[str]

    @property
    def r_hat(self) -> float:
        """The largest; NaN if nothing varies."""
        return max((row.r_hat for row in self.rows if row.r_hat == row.r_hat), default=math.nan)

    @property
    def ess_bulk(self) -> float:
        """The smallest."""
        return _least(row.ess_bulk for row in self.rows)

    @property
    def ess_tail(self) -> float:
        """The smallest."""
        return _least(row.ess_tail for row in self.rows)

    def __str__(self) -> str:
        """A table of the worst rows, acceptance, and the sentences."""
        worst = sorted(self.rows, key=lambda row: -row.r_hat)[:MOST_SHOWN]
        shown = [row for row in self.rows if row in worst]
        width = max(len(row.name) for row in shown)
        lines = [
            f"{'':{width}}  {'mean':>9} {'sd':>9} {'r_hat':>7} {'ess_bulk':>9} {'ess_tail':>9}"
        ]
        lines += [
            f"{row.name:{width}}  {row.mean:9.3g} {row.sd:9.3g} {row.r_hat:7.3f} "
            f"{row.ess_bulk:9.0f} {row.ess_tail:9.0f}"
            for row in shown
        ]
        if len(shown) < len(self.rows):
            lines.append(f"(the {len(shown)} of {len(self.rows)} of largest r_hat)")
        lines += [f"{name} {value:.3g}" for name, value in self.acceptance.items()]
        return "\n".join([*lines, *self.sentences])


def rows_of(x: Tensor, log_density: Tensor) -> list[Row]:
    """A row for each coordinate, `x[0]` and so on, and one for the log-density, `lp`.

    Args:
        x: `(draws, chains, *event)`.
        log_density: `(draws, chains)`.
    """
    event = x.shape[2:]
    flat = x.reshape(*x.shape[:2], -1)
    d = flat.shape[2]
    chosen = torch.linspace(0, d - 1, min(d, MOST_DIAGNOSED)).round().long()
    named = [(_name(int(k), event), flat[:, :, k]) for k in chosen]
    rows = []
    for name, values in [*named, ("lp", log_density)]:
        found = convergence(values)
        figures = float(values.double().mean()), float(values.double().std(correction=0))
        rows.append(Row(name, *figures, *found))
    return rows


def _name(k: int, event: torch.Size) -> str:
    if len(event) == 0:
        return "x"
    place = []
    for size in reversed(event):
        k, rest = divmod(k, size)
        place.append(str(rest))
    return f"x[{', '.join(reversed(place))}]"


def _least(values: Iterable[float]) -> float:
    return min((value for value in values if value == value), default=math.nan)

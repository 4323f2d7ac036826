"""What a model of a known density is found to be, what is to be doubted, and what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

WEIGHTS_OFF = 0.05
"""Total variation of mode weights from the truth's beyond which a model is at fault."""
KL_LARGE = 0.5
"""KL(truth ‖ model), in nats, beyond which a model is at fault."""


class Report(NamedTuple):
    """How a model compares with the density that its data came from.

    Attributes:
        figures: numbers by name; one that is in doubt is NaN.
        doubts: why log Z, and all that rests on it, is not to be trusted, a clause each.
        faults: how the model differs from the truth, a clause each.
    """

    figures: dict[str, float]
    doubts: list[str]
    faults: list[str]


def report(figures: Mapping[str, Tensor | float], doubts: list[str], certain: set[str]) -> Report:
    """A report from figures, which become NaN under any doubt but for those that are certain."""
    values = {
        name: math.nan if doubts and name not in certain else float(value)
        for name, value in figures.items()
    }
    return Report(values, doubts, _faults(values["model/mode_weight_tv"], values["model/kl"]))


def better_than_truth(log_ratios: Tensor, error: float) -> list[str]:
    """Says so where a model is likelier than the truth by more than four errors.

    The expectation of log p_model/p under the truth p is -KL, so that it cannot be positive.

    Args:
        log_ratios: log p_model/p at points of p, `(m,)`.
        error: standard error of log Z, or how exact it is.
    """
    gain = float(log_ratios.mean())
    spread = float(log_ratios.std()) / math.sqrt(len(log_ratios)) if len(log_ratios) > 1 else 0.0
    if gain > 4 * math.hypot(spread, error):
        return [f"held-out data are {gain:.2g} nats likelier than under the truth"]
    return []


def _faults(weight_error: float, kl: float) -> list[str]:
    faults = []
    if weight_error > WEIGHTS_OFF:
        faults.append(f"its mode weights are {weight_error:.2f} off the truth")
    if kl > KL_LARGE:
        faults.append(f"KL from the data's density is {kl:.2f} nats")
    return faults

"""The model's density against the known one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from lightning_ebm.errors import SettingError
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.importance_report import importance_report
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.evaluation.quadrature_report import density_report


@runtime_checkable
class Drawn(Protocol):
    """What can be drawn from."""

    def sample(self, n: int) -> Tensor:
        """Draw n points `(n, *event)`."""


class KnownDensityError(Measure):
    """Mode weights, KL, log Z and test likelihood where the truth is known.

    By quadrature in the plane, else by importance sampling from the truth. Figures in doubt are
    NaN; `evidence.doubts` says why, and `evidence.faults` how the model differs from the truth.
    """

    def __call__(self, evidence: Evidence) -> Figures:
        """`density_report` or `importance_report`; nothing where the truth is unknown."""
        if evidence.density is None:
            return {}
        log_density, density, data = evidence.problem.log_density, evidence.density, evidence.data
        draws = evidence.settled.flatten(0, 1)
        if evidence.in_the_plane:
            found = density_report(log_density, density, data, evidence.resolution, draws)
            evidence.log_z = found.figures["model/log_z"]
        else:
            if not isinstance(density, Drawn):
                raise SettingError(
                    f"data.density is {type(density).__name__}, which cannot be drawn from, as it "
                    "must where points have other than 2 coordinates: give it a method sample(n)"
                )
            found = importance_report(log_density, density, data, draws=draws)
        evidence.model_weights = _weights(found.figures, len(density.mode_weights))
        evidence.doubts += found.doubts
        evidence.faults += found.faults
        return dict(found.figures)


def _weights(figures: Mapping[str, float], n_modes: int) -> tuple[Tensor, Tensor]:
    names = [f"model/mode_weight{{}}_{k}" for k in range(n_modes)]
    weights = [figures[name.format("")] for name in names]
    errors = [figures.get(name.format("_standard_error"), 0.0) for name in names]
    return torch.tensor(weights, dtype=torch.float64), torch.tensor(errors, dtype=torch.float64)

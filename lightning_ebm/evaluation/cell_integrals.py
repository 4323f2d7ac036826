"""What is integrated over each cell of the plane, and what splitting cells changed of it."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.evaluation.cells import Cells
from lightning_ebm.evaluation.quadrature import LogDensity, evaluate
from lightning_ebm.metrics.known_density import KnownDensity


class Integrals(NamedTuple):
    """What is integrated over each cell; p̃ is the model, p the truth, r_k a responsibility.

    Attributes:
        top: the largest log p̃ at the nodes, `(n,)`.
        masses: ∫ p̃ r_k / exp(top), `(n, K)`.
        top_of_truth: the largest log p at the nodes, `(n,)`.
        truth: ∫ p, `(n,)`.
        ratio: ∫ p log(p / p̃), `(n,)`.
    """

    top: Tensor
    masses: Tensor
    top_of_truth: Tensor
    truth: Tensor
    ratio: Tensor

    @property
    def log_mass(self) -> Tensor:
        """Log ∫ p̃, `(n,)`."""
        return self.masses.sum(1).log() + self.top

    @classmethod
    def over(
        cls, cells: Cells, log_density: LogDensity, density: KnownDensity, like: Tensor
    ) -> Integrals:
        """Integrals of a model and the truth by the nodes of cells.

        Args:
            cells: n cells.
            log_density: the model's, of points that have the data type and device of `like`.
            density: the truth, in double precision.
            like: see above.
        """
        points, log_weights = cells.nodes()
        n, points = len(points), points.flatten(0, 1)
        log_q = evaluate(log_density, points.to(like)).view(n, -1)
        log_p = evaluate(density.log_prob, points).view(n, -1)
        members = torch.cat([density.responsibilities(part) for part in points.split(4096)])
        top = log_q.amax(1)
        scaled = (log_q - _finite(top)[:, None] + log_weights).exp()
        masses = (scaled[:, :, None] * members.view(n, -1, members.shape[1])).sum(1)
        mass = (log_p + log_weights).exp()
        ratio = torch.where(mass > 0, mass * (log_p - log_q), 0.0)
        return cls(top, masses, log_p.amax(1), mass.sum(1), ratio.sum(1))


class Changes(NamedTuple):
    """A cell's part of what its sum changed by when it was split off, in the units of `Integrals`.

    Attributes:
        log_mass: log |Δ ∫ p̃|, `(n,)`; infinite where there was no split yet.
        log_passed: log of half of Σ_k |Δ ∫ p̃ r_k|, `(n,)`.
        truth: Δ ∫ p, `(n,)`.
        ratio: Δ ∫ p log(p / p̃), `(n,)`.
    """

    log_mass: Tensor
    log_passed: Tensor
    truth: Tensor
    ratio: Tensor

    @classmethod
    def unknown(cls, integrals: Integrals) -> Changes:
        """Of cells that come from no split."""
        zeros = torch.zeros_like(integrals.truth)
        return cls(torch.full_like(zeros, torch.inf), zeros, zeros, zeros)

    @classmethod
    def between(cls, before: Integrals, after: Integrals) -> Changes:
        """From cells `(n,)` to their quarters `(4n,)`, which have equal parts in them."""
        tops = torch.cat([before.top[:, None], after.top.view(-1, 4)], 1)
        scale = _finite(tops.amax(1))
        parts = (tops - scale[:, None]).exp()
        masses = after.masses.view(len(scale), 4, -1)
        difference = (parts[:, 1:, None] * masses).sum(1) - parts[:, :1] * before.masses
        whole = cls(
            difference.sum(1).abs().log() + scale - math.log(4),
            (difference.abs().sum(1) / 2).log() + scale - math.log(4),
            (after.truth.view(-1, 4).sum(1) - before.truth) / 4,
            (after.ratio.view(-1, 4).sum(1) - before.ratio) / 4,
        )
        return cls(*(part.repeat_interleave(4) for part in whole))


def _finite(top: Tensor) -> Tensor:
    """Something to subtract that leaves minus infinity where it is."""
    return top.clamp(min=torch.finfo(top.dtype).min)

"""One case: a model with known log Z, held-out data, and a flow that may mislead the verdict."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy
import torch
from torch import Tensor

from benchmarks.trust_attack.compositions import Moved
from benchmarks.trust_attack.densities import Density
from benchmarks.trust_attack.ingredients import log_uniform, uniform
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.problem import Problem

TRAINING_POINTS = 5000
IN_REACH = 0.02
"""Share of the reference's draws in a region from which 512 chains begun as noise must find it:
that none does has a probability of 3e-5."""
OUT_OF_REACH = 1e-3
ELSEWHERE = 0.25
"""Share of cases that are of another scale, and far from 0."""


@dataclass(frozen=True)
class Parts:
    """What a family makes at random; the rest of a case follows from it.

    Attributes:
        model: the normalised density of the model.
        data: the density that data comes from.
        flow: the companion flow, or None.
        sampler: name of the sampler whose chains are begun anew.
        hidden: tells which points `(n, d)` lie in the region that is hidden from the flow.
        seen_by: who must be able to see that region: "data" (a held-out point lies there), "noise"
            (none does, but `IN_REACH` of the reference's draws), "nobody", or None for no demand.
    """

    model: Density
    data: Density
    flow: Density | None
    sampler: str = "flow_mcmc"
    hidden: Callable[[Tensor], Tensor] | None = None
    seen_by: str | None = None

    def moved(self, scale: float, shift: Tensor) -> Parts:
        """The same elsewhere: x becomes scale · x + shift."""
        matrix, flow, hidden = scale * torch.eye(len(shift)), self.flow, self.hidden
        return replace(
            self,
            model=Moved(self.model, matrix, shift),
            data=Moved(self.data, matrix, shift),
            flow=flow and Moved(flow, matrix, shift),
            hidden=hidden and (lambda x: hidden((x - shift) / scale)),
        )


@dataclass(frozen=True)
class Case:
    """A case, ready to be judged.

    Attributes:
        family: its name.
        index: its number within the family.
        parts: model, data, flow.
        log_z: true log Z: the model is exp(log_z) times its normalised density.
        held_out: points of the data density `(n, d)`, as many as fall to its lot.
        reference: the Gaussian fitted to other points of it.
        held_out_there: how many held-out points lie in the hidden region.
        noise_there: share of the reference's draws that do.
    """

    family: str
    index: int
    parts: Parts
    log_z: float
    held_out: Tensor
    reference: GaussianBase
    held_out_there: int
    noise_there: float

    def problem(self) -> Problem:
        """The model, as a sampler is asked for it."""
        return Problem(
            log_density=lambda x: self.parts.model.log_prob(x) + self.log_z,
            event_shape=(self.parts.model.dimension,),
            reference=self.reference,
            proposal=self.parts.flow,
            flow=self.parts.flow,
        )


def make(family: str, make_parts: Callable[[], Parts], index: int, seed: int) -> Case:
    """Case number `index` of a family, the same whenever it is asked for.

    What a family makes is made anew until those see the hidden region who must.
    """
    words = numpy.random.SeedSequence([seed, zlib.crc32(family.encode()), index])
    torch.manual_seed(int(words.generate_state(1)[0]))
    for _ in range(1000):
        parts = make_parts()
        if uniform(0.0, 1.0) < ELSEWHERE:
            scale = log_uniform(0.03, 30.0)
            parts = parts.moved(scale, 50 * scale * torch.randn(parts.model.dimension))
        case = _one(family, parts, index)
        if _as_demanded(case):
            return case
    raise RuntimeError(f"{family}: 1000 cases in a row were not as demanded")


def _one(family: str, parts: Parts, index: int) -> Case:
    held_out = parts.data.draw(int(log_uniform(100, 10_000)))
    reference = GaussianBase()
    reference.initialise(parts.data.draw(TRAINING_POINTS))
    there, noise = 0, 0.0
    if parts.hidden is not None:
        there = int(parts.hidden(held_out).sum())
        noise = float(parts.hidden(reference.sample(TRAINING_POINTS)[0]).float().mean())
    log_z = uniform(-50.0, 50.0)
    return Case(family, index, parts, log_z, held_out, reference, there, noise)


def _as_demanded(case: Case) -> bool:
    unseen = case.held_out_there == 0
    return {
        None: True,
        "data": not unseen,
        "noise": unseen and case.noise_there >= IN_REACH,
        "nobody": unseen and case.noise_there <= OUT_OF_REACH,
    }[case.parts.seen_by]

"""What a test has gathered before anything is measured: data, draws, and the model itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy
import torch
from torch import Tensor

from lightning_ebm.evaluation.ladder import climb
from lightning_ebm.evaluation.log_z import (
    Annealing,
    Sandwich,
    Verdict,
    WeightedPoints,
    importance_sampling,
)
from lightning_ebm.evaluation.quadrature import evaluate
from lightning_ebm.kernels import MALA
from lightning_ebm.metrics.known_density import KnownDensity
from lightning_ebm.needed import needed
from lightning_ebm.problem import Flow, Problem, Tilt
from lightning_ebm.tempering import LadderRecord

ENOUGH_DRAWS, ENOUGH_OF_ALL = 400, 0.1
"""Effective draws of the flow, and their share of all, from which on a model that has a flow needs
no ladder to be known."""
N_PILOT, WORTHY, DOUBLINGS = 128, 0.3, 2
"""Paths from the flow that tell whether there are steps enough, the effective share of them that
does, and how often the steps may be doubled."""
N_COLUMNS = 64
"""Columns of a ladder that is run for an evaluation."""


class LabelledData(Protocol):
    """What evaluation needs of a data module whose points have classes."""

    kept_classes: list[int]
    class_proportions: Tensor

    def labelled_points(self, n: int) -> tuple[Tensor, Tensor]:
        """Training points `(n, *event)` and their places in `kept_classes`, the same each time."""


class StoredData(Protocol):
    """What evaluation needs of a data module that tells what it did to the stored values."""

    def bits_per_dimension(self, negative_log_prob: Tensor, x: Tensor) -> Tensor | None:
        """Bits per value of points `(n, *event)` with these -log p; None where undefined."""

    def nll_in_data_units(self, negative_log_prob: Tensor, x: Tensor) -> Tensor | None:
        """-log p of the values as stored; None where undefined, or where it is the same."""


@dataclass
class Evidence:
    """A model and what was drawn from it by chains that began anew.

    Attributes:
        problem: the model that is evaluated.
        data: held-out points `(n, *event)`.
        draws: the chains at each draw, in order, each `(chains, *event)`.
        info: what happened while they were drawn, averaged.
        evaluations: how often the model's density was evaluated for them, in points.
        followed: whether chain i of a draw is chain i of the next.
        flow: the companion flow, if it has learned anything.
        density: the density that the data came from, if it is known.
        labelled: the data module, if its points have classes.
        stored: the data module, if it tells what it did to the stored values.
        during_fit: whether training is waiting.
        resolution: cells per side of quadrature in the plane.
        n_weighted: draws of the flow that are weighted.
        annealing_steps: steps of the path where there is no flow, or one that hardly reaches the
            model; 0 for no such path.
        annealing_chains: chains along it.
        log_z: log Z by quadrature, once a measure has found it; NaN where that is in doubt.
        model_weights: weights of the model's modes and their standard errors, `(K,)` each, once a
            measure has found them; errors of 0 by quadrature.
        ladder_rounds: rounds of the ladder that is run where the sampler has none and the flow's
            draws are worth little; 0 for none.
        climbed: what the rungs of a sampler that tempers did in the settled draws, if it does.
        search_steps: steps of the chains that look for mass of the model; 0 for none.
        sandwich: the estimates of log Z, once a measure has them.
        verdict: whether these are to be trusted, once all measures have had their say.
        remarks: sentences for the reader, added by measures.
        doubts: what speaks against trusting log Z, a clause each, added by measures.
        faults: how the model differs from the known truth, a clause each, added by measures.
    """

    problem: Problem
    data: Tensor
    draws: list[Tensor]
    info: dict[str, Tensor] = field(default_factory=dict)
    evaluations: int = 0
    followed: bool = False
    flow: Flow | None = None
    density: KnownDensity | None = None
    labelled: LabelledData | None = None
    stored: StoredData | None = None
    during_fit: bool = False
    resolution: int = 400
    n_weighted: int = 10_000
    annealing_steps: int = 100
    annealing_chains: int = 256
    log_z: float | None = None
    model_weights: tuple[Tensor, Tensor] | None = None
    ladder_rounds: int = 0
    climbed: LadderRecord | None = None
    search_steps: int = 1000
    sandwich: Sandwich | None = None
    verdict: Verdict | None = None
    remarks: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def settled(self) -> Tensor:
        """The second half of the draws, `(draws, chains, *event)`."""
        return torch.stack(self.draws[len(self.draws) // 2 :])

    @property
    def in_the_plane(self) -> bool:
        """Whether points have two coordinates, so that quadrature is possible."""
        return tuple(self.data.shape[1:]) == (2,)

    @cached_property
    def annealing(self) -> Annealing | None:
        """A tuned path from the reference to the model; None if there is a flow, or no time."""
        if self.flow is not None or self.annealing_steps == 0 or self.during_fit:
            return None
        return Annealing(self.problem, n_steps=self.annealing_steps).tune()

    @cached_property
    def weighted(self) -> WeightedPoints | None:
        """Points that stand for the model by their weights: of the flow, else annealed ones."""
        if self.flow is not None:
            with torch.no_grad():
                x, log_q = self.flow.sample(self.n_weighted)
            return WeightedPoints(x, self.log_weights(x, log_q))
        if self.annealing is not None:
            return self.annealing.forward(self.annealing_chains)
        return None

    @cached_property
    def worth_of_flow(self) -> float:
        """Effective draws of the model that the weighted draws of the flow are worth."""
        return importance_sampling(needed(self.weighted).log_weights).ess

    @property
    def flow_tells(self) -> bool:
        """Whether these are enough to know the model by: in number, and as a share of all drawn.

        Where few of many draws carry all weight, what they say rests on a heavy tail.
        """
        drawn = len(needed(self.weighted).x)
        return self.worth_of_flow >= min(max(ENOUGH_DRAWS, ENOUGH_OF_ALL * drawn), drawn / 2)

    @cached_property
    def ladder(self) -> LadderRecord | None:
        """Replica exchange from the flow to the model: the sampler's own, else one run for this.

        None without a flow; and where there is none yet, during training, or if the flow's own
        draws tell enough.
        """
        if self.flow is None or self.climbed is not None:
            return self.climbed
        if self.during_fit or self.ladder_rounds == 0 or self.flow_tells:
            return None
        return climb(self.space, N_COLUMNS, self.ladder_rounds)

    @cached_property
    def annealing_from_flow(self) -> Annealing:
        """A tuned path from the flow to the model, in latent space, placed as the ladder is.

        Its steps are doubled, at most twice, while the paths of a pilot are worth too little.
        """
        for doubling in range(DOUBLINGS + 1):
            path = self._annealing_from_flow(self.annealing_steps * 2**doubling)
            pilot = importance_sampling(path.forward(N_PILOT).log_weights)
            if pilot.ess >= WORTHY * N_PILOT:
                break
        return path

    def _annealing_from_flow(self, n_steps: int) -> Annealing:
        space = self.space
        ladder = needed(self.ladder).betas.numpy()
        even = numpy.linspace(0, len(ladder) - 1, max(1, n_steps) + 1)
        betas = torch.from_numpy(numpy.interp(even, range(len(ladder)), ladder))
        kernel = MALA(0.05, target_acceptance=0.6)
        return Annealing(space, space.proposal, kernel=kernel, betas=betas).tune()

    @property
    def space(self) -> Problem:
        """The problem that is tempered: in latent space, or in that of a flow that is no map."""
        problem = replace(self.problem, flow=self.flow, proposal=self.flow)
        return problem.pullback() if hasattr(self.flow, "latent_shape") else problem

    def log_weights(self, x: Tensor, log_q: Tensor | None = None) -> Tensor:
        """Log p̃(x)/q(x) `(n,)`, q the flow; the tilt alone where the model tilts this very flow.

        Args:
            x: points `(n, *event)`.
            log_q: log q at them, where it is known.
        """
        density = self.problem.log_density
        if isinstance(density, Tilt) and density.base is self.flow:
            return evaluate(density.tilt, x)
        log_q = evaluate(needed(self.flow).log_prob, x) if log_q is None else log_q.double()
        return evaluate(density, x) - log_q

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their weights."""
        return tuple(str(label) for label in needed(self.labelled).kept_classes)

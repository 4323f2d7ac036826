"""Looking at a model: fresh draws of it, and what is measured; none of it changes a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from lightning_ebm import processes
from lightning_ebm.evaluation.assessment import assess
from lightning_ebm.evaluation.evidence import Evidence, LabelledData, StoredData
from lightning_ebm.evaluation.fresh_chains import (
    FreshChains,
    climbed_by,
    followed_on,
    fresh_draws,
)
from lightning_ebm.evaluation.log_z import LogZ
from lightning_ebm.evaluation.measures import (
    ChainConvergence,
    Figures,
    Likelihood,
    Measure,
    StandingChains,
)
from lightning_ebm.kernels import average
from lightning_ebm.metrics.known_density import KnownDensity
from lightning_ebm.module.pooling import Found, chains_of_all, found_by_all, of_one_kernel
from lightning_ebm.problem import Evaluations, Flow, Problem
from lightning_ebm.random_state import isolated, seed_process
from lightning_ebm.sampler import Draw, Sampler
from lightning_ebm.tempering import LadderRecord

RESOLUTION, RESOLUTION_WAITING = 400, 200
"""Cells per side of quadrature in the plane, and while training waits."""
LESS_WAITING = 10
"""While training waits, so many times fewer draws and steps."""


@dataclass(frozen=True)
class Subject:
    """A model to look at, and what is known of its data.

    Attributes:
        problem: the density, of the energy that is evaluated.
        sampler: draws from it.
        flow: a flow that has learned, if there is one.
        density: the density that the data came from, if it is known.
        labelled: the data module, if its points have classes.
        stored: the data module, if it tells what it did to the stored values.
        latest: while training waits, its latest draw, which stands for fresh ones.
        rank: of this process.
    """

    problem: Problem
    sampler: Sampler
    flow: Flow | None = None
    density: KnownDensity | None = None
    labelled: LabelledData | None = None
    stored: StoredData | None = None
    latest: Draw | None = None
    rank: int = 0


@dataclass
class Evaluation:
    """How a model is evaluated, the data it is evaluated on, and what there is to say.

    Attributes:
        n_samples: fresh samples, of all processes together.
        evaluation_draws: draws that a fresh chain runs through.
        log_z_draws: weighted draws of the flow.
        annealing_steps: steps of annealed paths.
        ladder_rounds: rounds of a ladder from flow to model.
        search_steps: steps of chains that look for missed mass.
        measures: what is measured.
        seen: held-out data of this pass, batch by batch.
        remarks: what the latest measures have to say to the reader.
        log_z: what they make of log Z, or None.
    """

    n_samples: int
    evaluation_draws: int
    log_z_draws: int
    annealing_steps: int
    ladder_rounds: int
    search_steps: int
    measures: list[Measure]
    seen: list[Tensor] = field(default_factory=list, init=False)
    remarks: list[str] = field(default_factory=list, init=False)
    log_z: LogZ | None = field(default=None, init=False)

    def begin(self) -> None:
        """Begin to collect held-out data."""
        self.seen = []

    def see(self, x: Tensor) -> None:
        """Collect a batch."""
        self.seen.append(x)

    def figures(self, subject: Subject) -> Figures:
        """All that is measured, name to number, on what all processes collected; all must ask.

        What they drew is put together and measured by each, with the same random numbers; what
        process 0 finds counts.
        """
        with isolated(), of_one_kernel(subject.sampler):
            evidence = self._evidence(subject, torch.cat(self.seen))
            with torch.no_grad():
                figures: Figures = {
                    "test/energy": -subject.problem.log_density(evidence.data).mean(),
                    "samples/energy": -subject.problem.log_density(evidence.draws[-1]).mean(),
                }
                figures |= {f"sampler/{key}": value for key, value in evidence.info.items()}
            figures |= assess(evidence, self.measures)
        figures, self.remarks, self.log_z = processes.of_first(
            (figures, evidence.remarks, _log_z(evidence))
        )
        return figures

    def estimate(self, subject: Subject, data: Tensor) -> LogZ | None:
        """Log Z with its verdict, of the same draws as in a test; all processes must ask.

        Args:
            subject: the model.
            data: points `(n, *event)` from which chains look for mass too; there may be none.
        """
        with isolated(), of_one_kernel(subject.sampler):
            evidence = self._evidence(subject, data)
            assess(evidence, [Likelihood(), StandingChains(), ChainConvergence()])
        return processes.of_first(_log_z(evidence))

    def fresh_draw(self, subject: Subject, n: int, data: Tensor | None, stream: int) -> Draw:
        """Draw n points: the last of `fresh_draws`, with averaged infos."""
        draws, _ = self.fresh_draws(subject, n, data, stream)
        return Draw(draws[-1].x, average([draw.info for draw in draws]))

    def fresh_draws(
        self,
        subject: Subject,
        n: int,
        data: Tensor | None,
        stream: int = 0,
        pooled: Callable[[Tensor], Tensor] = lambda chains: chains,
    ) -> FreshChains:
        """Run n chains that begin anew; the run's own chains and randomness stay.

        Each chain runs through `evaluation_draws` draws of the sampler, with step sizes still, and
        through up to 16 times as many while chains do not agree.

        Args:
            subject: the model.
            n: number of points.
            data: a batch of data, for chains that begin there.
            stream: number that makes these draws differ from others of the same seed.
            pooled: maps numbers `(draws, chains)` to those of all chains that are to agree.

        Returns:
            The draws in order, and how often the model was evaluated for them.
        """
        with isolated():
            seed_process(torch.initial_seed() + stream, subject.rank)
            return fresh_draws(
                subject.sampler,
                replace(subject.problem, data=data, evaluations=Evaluations()),
                n,
                self.evaluation_draws,
                None if subject.density is None else subject.density.responsibilities,
                pooled,
            )

    def _evidence(self, subject: Subject, data: Tensor) -> Evidence:
        latest = subject.latest
        waits = latest is not None
        # As many in each process, so that all find alike whether chains go on.
        n = -(-self.n_samples // processes.count())
        if latest is not None:
            drawn, evaluations = [latest], Evaluations()
            climbed = _climbed_on(subject, latest)
        else:
            drawn, evaluations = self.fresh_draws(subject, n, data, pooled=chains_of_all)
            climbed = climbed_by(drawn)
        found = found_by_all(
            Found(
                # Lightning's inference tensors take part in no gradient.
                data=data.clone(),
                draws=[draw.x for draw in drawn],
                info=average([draw.info for draw in drawn]),
                evaluations=evaluations.densities,
                climbed=climbed,
            )
        )
        less = LESS_WAITING if waits else 1
        return Evidence(
            problem=subject.problem,
            data=found.data,
            draws=found.draws,
            info=found.info,
            evaluations=found.evaluations,
            followed=not waits and subject.sampler.follows(n),
            flow=subject.flow,
            density=subject.density,
            labelled=subject.labelled,
            stored=subject.stored,
            during_fit=waits,
            resolution=RESOLUTION_WAITING if waits else RESOLUTION,
            n_weighted=max(1, self.log_z_draws // less),
            annealing_steps=self.annealing_steps,
            ladder_rounds=self.ladder_rounds,
            climbed=found.climbed,
            search_steps=self.search_steps // less,
        )


def _log_z(evidence: Evidence) -> LogZ | None:
    if evidence.sandwich is None or evidence.verdict is None:
        return None
    return LogZ.of(evidence.sandwich, evidence.verdict)


def _climbed_on(subject: Subject, latest: Draw) -> LadderRecord | None:
    """Of a sampler that tempers, some rounds from where training's chains are."""
    if "log_z" not in latest.info:
        return None
    return followed_on(subject.sampler, subject.problem, len(latest.x)).ladder

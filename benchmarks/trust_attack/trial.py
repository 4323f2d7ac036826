"""A case before the judge: fresh chains, the measures, the verdict, and whether it was right."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from benchmarks.trust_attack.case import Case
from lightning_ebm.evaluation.assessment import assess
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.fresh_chains import fresh_draws
from lightning_ebm.evaluation.measures import ChainConvergence, Figures, Likelihood
from lightning_ebm.kernels import MALA
from lightning_ebm.registry import find
from lightning_ebm.sampler import Sampler
from lightning_ebm.starts import FromFlow, Persistent

LADDER_ROUNDS = 200
N_CHAINS = 512
N_DRAWS = 20
SLACK = 0.02
"""Nats that the truth may lie outside the printed interval."""


@dataclass(frozen=True)
class Outcome:
    """What was said of a case.

    Attributes:
        family: of the case.
        index: its number within the family.
        dimension: of its space.
        held_out: number of held-out points.
        held_out_there: how many of them lie in the region that is hidden from the flow.
        trusted: the verdict.
        truth: log Z.
        log_z: its estimate.
        low: where its interval begins.
        high: where it ends.
        sentence: the verdict in words, with all other remarks.
        seconds: that it took.
    """

    family: str
    index: int
    dimension: int
    held_out: int
    held_out_there: int
    trusted: bool
    truth: float
    log_z: float
    low: float
    high: float
    sentence: str
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether the truth lies in the interval."""
        return self.low - SLACK <= self.truth <= self.high + SLACK


def judge(case: Case) -> Outcome:
    """Draw fresh chains as a test does, measure, and read the verdict."""
    begin = time.perf_counter()
    problem = case.problem()
    sampler = _tuned_sampler(case)
    draws, evaluations = fresh_draws(sampler, problem, N_CHAINS, N_DRAWS)
    evidence = Evidence(
        problem=problem,
        data=case.held_out,
        draws=[draw.x for draw in draws],
        evaluations=evaluations.densities,
        followed=sampler.follows(N_CHAINS),
        flow=case.parts.flow,
        ladder_rounds=LADDER_ROUNDS,
    )
    figures = assess(evidence, [Likelihood(), ChainConvergence()])
    log_z, low, high = _interval(figures)
    return Outcome(
        case.family,
        case.index,
        case.parts.model.dimension,
        len(case.held_out),
        case.held_out_there,
        bool(figures["log_z/trusted"]),
        case.log_z,
        log_z,
        low,
        high,
        " | ".join(reversed(evidence.remarks)),
        time.perf_counter() - begin,
    )


def _tuned_sampler(case: Case) -> Sampler:
    """The case's sampler, its step sizes found on chains of its own."""
    step_size = 0.05 * float(case.reference.deviation.square().min())
    settings = {"step_size": step_size}
    if case.parts.sampler == "flow_mcmc":
        settings = {"start": Persistent(FromFlow()), "local": MALA(step_size, 0.6)}
    sampler = find(case.parts.sampler)(**settings)
    sampler.train()
    for _ in range(30):
        sampler(case.problem(), 64)
    return sampler


def _interval(figures: Figures) -> tuple[float, float, float]:
    """The estimate and the interval, which the test likelihood's own bounds give away."""
    log_z = float(figures["model/log_z"])
    nll, low, high = (
        float(torch.as_tensor(figures[f"test/nll{end}"])) for end in ("", "_lower", "_upper")
    )
    return log_z, log_z + low - nll, log_z + high - nll

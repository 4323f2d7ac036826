"""Which local move renews chains at β = 1 fastest, per gradient, on the model of a checkpoint?

    python -m benchmarks.tempering_moves CHECKPOINT [--rounds 150] [--columns 64] [--seed 0]

The model is sampled by replica exchange from its base flow, in latent space, by one kernel after
the other: step sizes and ladder adapt, then stand still, and renewals are counted: states that
come to β = 1 for the first time since they were draws of the flow. Counted too is what renewals do
not tell: the effective sample size of log w at β = 1, by its autocorrelation. Both are per 1,000
gradients of the states of one rung; seconds show what more rungs cost.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from lightning_ebm import EBMLightningModule
from lightning_ebm.evaluation.convergence import convergence
from lightning_ebm.kernels import HMC, MALA, GeneralisedHMC, Kernel
from lightning_ebm.networks import sampling
from lightning_ebm.problem import Problem
from lightning_ebm.tempering import Ladder, ReplicaExchange


class Case(NamedTuple):
    """A local kernel, what a round of it costs in gradients of each state, rungs and sweeps."""

    name: str
    kernel: Callable[[], Kernel]
    gradients: int = 1
    n_rungs: int = 8
    n_sweeps: int = 16


CASES = [
    Case("MALA at .6, one sweep", lambda: MALA(0.05, 0.6), n_sweeps=1),
    Case("MALA at .6", lambda: MALA(0.05, 0.6)),
    Case("momentum .9 kept, at .9", lambda: GeneralisedHMC(0.02, 1, 0.9, 0.9)),
    Case("momentum .8 kept, at .8", lambda: GeneralisedHMC(0.02, 1, 0.8, 0.8)),
    Case("momentum .9 kept, at .8, threshold", lambda: GeneralisedHMC(0.02, 1, 0.9, 0.8, 0.03)),
    Case("HMC of 3 leapfrogs at .7", lambda: HMC(0.05, 3, target_acceptance=0.7), 3),
    Case("HMC of 5 leapfrogs at .7", lambda: HMC(0.05, 5, target_acceptance=0.7), 5),
    Case("MALA at .6, 6 rungs", lambda: MALA(0.05, 0.6), n_rungs=6),
    Case("MALA at .6, 12 rungs", lambda: MALA(0.05, 0.6), n_rungs=12),
]


def main() -> None:
    """Print a row per local move."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of the names of the cases to run")
    options = parser.parse_args()
    module = EBMLightningModule.load_from_checkpoint(options.checkpoint, map_location="cpu")
    problem = module.problem(None, module.evaluated_energy)
    print("| local move | rungs | barrier | renewals | effective sample size of log w | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for case in CASES:
        if options.only in case.name:
            torch.manual_seed(options.seed)
            with sampling(*problem.networks):
                print(
                    measured(case, problem.pullback(), options.columns, options.rounds), flush=True
                )


def measured(case: Case, space: Problem, n: int, n_gradients: int) -> str:
    """A row of the table; every case has as many gradients per state."""
    exchange = ReplicaExchange(
        Ladder(case.n_rungs, rate=0.2, every=5), case.kernel(), n_sweeps=case.n_sweeps
    )
    n_rounds = max(8, n_gradients // case.gradients)
    follow(exchange.train(), space, n, n_rounds // 2)
    exchange.eval()
    begun = time.process_time()
    rounds = follow(exchange, space, n, n_rounds)
    seconds = time.process_time() - begun
    work = n * n_rounds * case.gradients / 1000
    renewals = sum(int(one[0].sum()) for one in rounds) / work
    effective = convergence(torch.stack([one[1] for one in rounds])).ess_bulk / work
    barrier = float(torch.stack([one[2] for one in rounds]).nanmean(0).sum())
    cells = [f"{barrier:.2f}", f"{renewals:.1f}", f"{effective:.1f}", f"{seconds:.0f}"]
    return f"| {case.name} | {case.n_rungs} | {' | '.join(cells)} |"


def follow(
    exchange: ReplicaExchange, space: Problem, n: int, n_rounds: int, chunk: int = 5
) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Arrivals, log w at β = 1 and rejections of each round."""
    seen = []
    for _ in range(-(-n_rounds // chunk)):
        for one in exchange.rounds(space, n, chunk):
            seen.append((one.arrivals, one.log_weights[-1], one.rejections))
    return seen


if __name__ == "__main__":
    main()

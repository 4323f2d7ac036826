"""What a score in latent space costs where the target tilts the flow itself, as a ratio.

    python benchmarks/latent_score_cost.py

The same score is taken with both Jacobians and with neither, in turns; prints the fastest of each,
and the largest difference of the two scores.
"""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from lightning_ebm import ConvNet, Problem, RealNVP
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.problem import Tilt

SHAPE = [1, 28, 28]
ROUNDS = 20


def main() -> None:
    """Measure, and print the ratio."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    flow, energy = RealNVP(SHAPE, n_layers=8, hidden=256), ConvNet(SHAPE, zero_start=False)
    flow.initialise(torch.randn(256, *SHAPE))
    flow.requires_grad_(False)
    tilt = Tilt(lambda x: -energy(x), flow)
    short = Problem(tilt, tuple(SHAPE), reference=GaussianBase(), flow=flow)
    # Behind another name the flow is not known for the one that is tilted.
    long = replace(short, log_density=lambda x: tilt(x))
    problems = {"neither": short.pullback(), "both": long.pullback()}
    z = flow.base.sample(64)[0]
    fastest = dict.fromkeys(problems, float("inf"))
    scores = {}
    for _ in range(ROUNDS):
        for name, problem in problems.items():
            begun = time.perf_counter()
            _, scores[name] = problem.log_prob_and_score(z)
            fastest[name] = min(fastest[name], time.perf_counter() - begun)
    difference = (scores["neither"] - scores["both"]).abs().max()
    print(
        f"both Jacobians {1000 * fastest['both']:.1f} ms, neither "
        f"{1000 * fastest['neither']:.1f} ms: ratio {fastest['neither'] / fastest['both']:.2f}; "
        f"scores differ by at most {difference:.1e}"
    )


if __name__ == "__main__":
    main()

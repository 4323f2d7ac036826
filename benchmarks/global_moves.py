"""What five global moves of a draw cost over five that know nothing of each other, as ratios.

    python -m benchmarks.global_moves [--seconds 4] [--json FILE]

Rows are kernels, columns numbers of chains. Under the ratio's bar each move draws its own
proposals and inverts the flow at its states; above it the draw makes the proposals of all moves in
one batch, and the flow's log-density goes with a state. An MLP 2-128-128-1 and a RealNVP of eight
layers, CPU time of one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.measuring import Table, ratios, show, write
from lightning_ebm import MLP, Problem, RealNVP
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.chain import Chain, with_density
from lightning_ebm.kernels import IMH, ISIR, Kernel
from lightning_ebm.networks import sampling

MOVES = 5
KERNELS: dict[str, Callable[[], Kernel]] = {"IMH": IMH, "i-SIR, 4 proposals": lambda: ISIR(4)}
CHAINS = (64, 1000)


def target() -> Problem:
    """An energy that tilts a Gaussian, with a flow."""
    torch.manual_seed(0)
    energy = MLP([2], [128, 128], zero_start=False)
    flow = RealNVP([2], n_layers=8, hidden=64)
    reference = GaussianBase(event_shape=(2,))
    return Problem(
        lambda x: -energy(x) + reference.log_prob(x),
        (2,),
        reference,
        proposal=flow,
        flow=flow,
        networks=(energy, flow),
    )


def one_by_one(kernel: Kernel, problem: Problem, chain: Chain) -> None:
    """Moves each of which knows the states and their log-density alone."""
    for _ in range(MOVES):
        moved, _ = kernel.step(problem, chain)
        chain = moved._replace(log_proposal=None)


def measure(seconds: float) -> Table:
    """Ratios of moves made together to moves made one by one."""
    problem, table = target(), {}
    with sampling(*problem.networks):
        for name, make in KERNELS.items():
            kernel, table[name] = make(), {}
            for n in CHAINS:
                chain = with_density(problem, Chain(torch.randn(n, 2)))
                timed = ratios(
                    {
                        "one by one": lambda k=kernel, c=chain: one_by_one(k, problem, c),
                        "together": lambda k=kernel, c=chain: k.run(problem, c, MOVES),
                    },
                    seconds,
                )
                table[name][f"{n} chains"] = timed["together"]
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--json", type=Path, help="file to write the table to")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = measure(arguments.seconds)
    show("Five global moves in one batch over five one by one", table)
    if arguments.json is not None:
        write(arguments.json, {"global moves": table})


if __name__ == "__main__":
    main()

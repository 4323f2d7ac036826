"""Remedies against losing a rare mode, compared: the model's weight of it, KL and time.

    python -m benchmarks.rare_modes [--weight 0.005] [--seeds 0 1] [--steps 1500] [REMEDY ...]

Each remedy is `two_modes.yaml` with some settings changed, trained by the command on two modes at
±4 of which one is rare. Prints one row per run: the weight and KL(data density ‖ model) by
quadrature, and the seconds of processor that training took.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, with_density
from lightning_ebm.cli.configurations import resolve
from lightning_ebm.cli.failures import RunFailure
from lightning_ebm.cli.lightning_cli import EBMCLI
from lightning_ebm.evaluation.quadrature_report import density_report
from lightning_ebm.kernels import Info, Kernel
from lightning_ebm.problem import Problem
from lightning_ebm.registry import find
from lightning_ebm.reproduce.settings import known_run
from lightning_ebm.sampler import Draw

FlowMCMC = find("flow_mcmc")


class Remembering(Kernel):
    """A global move that remembers all it weighed: points `(m, *event)` and chances `(m,)`.

    The chances are those with which each point was to be a chain's next state, over the number
    of chains, so that they sum to 1. i-SIR has them at hand; for IMH they are (1 - a, a).
    """

    exact = True

    def __init__(self, n_proposals: int) -> None:
        super().__init__()
        self.n_proposals = n_proposals
        self.points = self.chances = None

    @torch.no_grad()
    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One global move of every chain."""
        n, m = len(chain.x), self.n_proposals
        chain = with_density(problem, chain)
        y, log_q = problem.proposal.sample(n * m)
        candidates = with_density(problem, Chain(y))
        held = chain.log_prob - problem.proposal.log_prob(chain.x)
        log_weights = torch.cat([held[:, None], (candidates.log_prob - log_q).view(n, m)], dim=1)
        if m == 1:
            accepted = (log_weights[:, 1] - log_weights[:, 0]).clamp(max=0).exp()
            chances = torch.stack([1 - accepted, accepted], dim=1)
        else:
            chances = log_weights.softmax(1)
        points = torch.cat([chain.x[:, None], y.view(n, m, *y.shape[1:])], dim=1)
        densities = torch.cat([chain.log_prob[:, None], candidates.log_prob.view(n, m)], dim=1)
        self.points, self.chances = points.flatten(0, 1), chances.flatten() / n
        picked = (torch.arange(n), chances.multinomial(1).squeeze(1))
        info = {"acceptance_global": 1 - chances[:, 0].mean()}
        return Chain(points[picked], densities[picked]), info


class WasteRecycling(FlowMCMC):
    """Flow-MCMC whose negative phase is all that the global move weighed, by its chances.

    The expectation over what might have been chosen has the same mean as over what was, and less
    variance, and a mode of half a chain still has a graded pull on the energy (Frenkel 2004;
    Delmas and Jourdain 2009).
    """

    def __init__(self, n_proposals: int = 1) -> None:
        super().__init__(n_proposals, data_share=0.0)
        self.kernel.kernels[0] = Remembering(n_proposals)

    def flow_loss(self, problem: Problem, draw: Draw) -> Tensor:
        """The flow's loss, and what turns the mean over chains in the energy's into the other."""
        jump = self.kernel.kernels[0]
        chains = problem.log_density(draw.x).mean()
        recycled = (jump.chances * problem.log_density(jump.points)).sum()
        return super().flow_loss(problem, draw) + recycled - chains


def sampler(name: str = "flow_mcmc", **options: object) -> dict[str, object]:
    """The setting that names a sampler and its options."""
    return {"model.sampler": {"class_path": name, "init_args": options}}


def persistent(first: str = "Noise", restart: float = 0.0) -> dict[str, object]:
    """Persistent chains that begin, and of which a share begins anew, at a start."""
    return {"class_path": "Persistent", "init_args": {"first": first, "restart": restart}}


RECYCLING = f"benchmarks.{Path(__file__).stem}.WasteRecycling"
# Without remedies the flow learns from chains alone; as packaged a fifth of it is from data.
NONE = sampler(data_share=0.0)
PENALTY: dict[str, object] = {"model.magnitude_penalty": 0.01}
REMEDIES: dict[str, dict[str, object]] = {
    "none": NONE,
    "penalty .01 on energies": NONE | PENALTY,
    "penalty .01 on energies, a fifth of the flow's teaching from data": PENALTY,
    "packaged, a fifth of the flow's teaching from data": {},
    "packaged, and a flow base of 10 Gaussians": {"model.flow.init_args.n_modes": 10},
    "half of the flow's teaching from data": sampler(data_share=0.5),
    "flow base of 2 Gaussians": NONE | {"model.flow.init_args.n_modes": 2},
    "flow base of 10 Gaussians": NONE | {"model.flow.init_args.n_modes": 10},
    "chains begun at data": sampler(data_share=0.0, start=persistent("FromData")),
    "a tenth of chains refilled at data": sampler(
        data_share=0.0, start=persistent("FromData", 0.1)
    ),
    "1024 chains": NONE | {"model.n_chains": 1024},
    "three rounds a draw": sampler(data_share=0.0, n_steps=3),
    "waste recycling": sampler(RECYCLING),
    "i-SIR of 4 candidates": sampler(data_share=0.0, n_proposals=4),
    "waste recycling of i-SIR's 4 candidates": sampler(RECYCLING, n_proposals=4),
}


def main(args: list[str]) -> None:
    """Train every remedy with every seed, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("remedies", nargs="*", metavar="REMEDY", help="words of its name")
    parser.add_argument("--weight", type=float, default=0.005, help="of the left mode")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=1500)
    chosen = parser.parse_args(args)
    torch.set_num_threads(1)
    print("| remedy | seed | weight | KL | seconds |\n| --- | --- | --- | --- | --- |")
    for name, settings in REMEDIES.items():
        if chosen.remedies and not any(words in name for words in chosen.remedies):
            continue
        for seed in chosen.seeds:
            row = measure(settings, chosen.weight, seed, chosen.steps)
            print("|", " | ".join([name, str(seed), *row]), "|", flush=True)


def measure(settings: dict[str, object], weight: float, seed: int, n_steps: int) -> list[str]:
    """Train once; the model's weight of the rare mode, KL, and seconds of processor."""
    density = {"class_path": "TwoModes", "init_args": {"weight": weight}}
    run = known_run(
        "run", density, "flow_mcmc", seed, n_steps=n_steps, labels={}, settings=settings
    )
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        try:
            cli = EBMCLI(resolve(["fit", *run.arguments(Path(folder))]))
        except RunFailure as failure:
            if not isinstance(failure.__cause__, FloatingPointError):
                raise
            return ["diverged", "", ""]
        seconds = time.process_time() - begun
    known = cli.datamodule.density
    torch.manual_seed(0)
    report = density_report(cli.model.evaluated_log_density, known, known.sample(2)).figures
    weight, kl = report["model/mode_weight_0"], report["model/kl"]
    return [f"{weight:.4f}", f"{kl:.4f}", f"{seconds:.0f}"]


if __name__ == "__main__":
    # Under the name by which settings find the sampler above.
    from benchmarks import rare_modes

    rare_modes.main(sys.argv[1:])

"""What a draw of a sampler costs over the tightest loop of the same kernel, and what peers cost.

    python -m benchmarks.draws [--seconds 4] [--json FILE] ["MLP, 64" ...]

Rows are kernels and numbers of steps, columns targets. Ratios of CPU time on one thread. What
compiled steps cost is in `benchmarks.compiled_draws`. Step sizes stand still, in the loop, in ours
and in peers' steps; ours that adapt, as they do by default, are a row of their own. ebmkit and
TorchEBM run if they are installed, with the same step size, chains and steps. ebmkit's MALA takes
two gradients a step and its HMC one more a trajectory; TorchEBM has no MALA, and its HMC takes
points of one axis alone.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks import tight_loops
from benchmarks.measuring import Table, ratios, show, write
from lightning_ebm import ConvNet, Problem
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.sampler import Sampler
from lightning_ebm.starts import Persistent
from sampler_plugins.hmc import HMCSampler
from sampler_plugins.mala import MALASampler
from sampler_plugins.ula import ULASampler

STEP_SIZE = 1e-3
KERNELS = {"ula": ULASampler, "mala": MALASampler, "hmc": HMCSampler}
STEPS = {"ula": (100, 10), "mala": (100, 10), "hmc": (20, 2)}


class Mixture(nn.Module):
    """Four Gaussians in the plane, as an energy."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("means", torch.tensor([[2.0, 2], [-2, 2], [2, -2], [-2, -2]]))
        self.register_buffer("log_weights", torch.tensor([0.1, 0.2, 0.3, 0.4]).log())

    def forward(self, x: Tensor) -> Tensor:
        distance = (x[:, None] - self.means).square().sum(-1)
        return -(self.log_weights - distance / 2).logsumexp(1)


class OnGaussian(nn.Module):
    """A network that tilts a Gaussian: alone it has no density, and steps that adapt run away."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x) + x.flatten(1).square().sum(1) / 2


def targets() -> dict[str, tuple[nn.Module, Tensor]]:
    """Energies with the points where chains begin."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(2, 128),
        nn.SiLU(),
        nn.Linear(128, 128),
        nn.SiLU(),
        nn.Linear(128, 1),
        nn.Flatten(0),
    )
    network, images = OnGaussian(network), OnGaussian(ConvNet([1, 28, 28], zero_start=False))
    return {
        "mixture, 1,000": (Mixture(), torch.randn(1000, 2)),
        "MLP, 1,000": (network, torch.randn(1000, 2)),
        "MLP, 64": (network, torch.randn(64, 2)),
        "conv 28x28, 64": (images, torch.randn(64, 1, 28, 28)),
    }


def library(
    kernel: str, n_steps: int, energy: nn.Module, x: Tensor
) -> dict[str, Callable[[], object]]:
    """The library's samplers of a kernel, by whether their step sizes adapt."""
    made = {"ours": {"target_acceptance": None}, "ours, adapting": {}}
    if kernel == "ula":
        made = {"ours": {}}
    return {
        name: ours(KERNELS[kernel](n_steps, step_size=STEP_SIZE, **options), energy, x)
        for name, options in made.items()
    }


def ours(sampler: Sampler, energy: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    """Draws of the library's sampler, its chains going on."""
    reference = GaussianBase(event_shape=tuple(x.shape[1:]))
    problem = Problem(lambda x: -energy(x), tuple(x.shape[1:]), reference, networks=(energy,))
    sampler.start = Persistent()
    sampler.start.bank = x.clone()
    return lambda: sampler(problem, len(x)).x


def peers(
    kernel: str, n_steps: int, energy: nn.Module, x: Tensor
) -> dict[str, Callable[[], object]]:
    """The same kernel of other libraries, of those that are installed and have it."""
    return ebmkit(kernel, n_steps, energy, x) | torchebm(kernel, n_steps, energy, x)


def ebmkit(
    kernel: str, n_steps: int, energy: nn.Module, x: Tensor
) -> dict[str, Callable[[], object]]:
    """ebmkit's."""
    try:
        from ebm.samplers import HMC, MALA, LangevinDynamics
    except ImportError:
        return {}
    sampler = {
        "ula": lambda: LangevinDynamics(STEP_SIZE),
        "mala": lambda: MALA(STEP_SIZE),
        "hmc": lambda: HMC(math.sqrt(2 * STEP_SIZE), leapfrog_steps=5),
    }[kernel]()
    return {"ebmkit": partial(sampler.sample, energy, x, steps=n_steps)}


def torchebm(
    kernel: str, n_steps: int, energy: nn.Module, x: Tensor
) -> dict[str, Callable[[], object]]:
    """TorchEBM's."""
    try:
        from torchebm.core import BaseModel
        from torchebm.samplers import HamiltonianMonteCarlo, LangevinDynamics
    except ImportError:
        return {}

    class Model(BaseModel):
        def forward(self, x: Tensor) -> Tensor:
            return energy(x)

    samplers = {
        "ula": lambda: LangevinDynamics(Model(), STEP_SIZE),
        "hmc": lambda: HamiltonianMonteCarlo(
            Model(), math.sqrt(2 * STEP_SIZE), n_leapfrog_steps=5
        ),
    }
    if kernel not in samplers or (kernel == "hmc" and x.dim() > 2):
        return {}
    sampler = samplers[kernel]()
    return {"TorchEBM": lambda: sampler.sample(x=x, n_steps=n_steps)}


def measure(names: list[str], seconds: float) -> Table:
    """Ratios to the tight loop of the same kernel, target and number of steps."""
    table: Table = {}
    for name, (energy, x) in targets().items():
        if name not in names:
            continue
        energy.requires_grad_(False)
        log_density = lambda x, energy=energy: -energy(x)  # noqa: E731
        for kernel, lengths in STEPS.items():
            loop = getattr(tight_loops, kernel)
            for n_steps in lengths:
                things = {
                    "tight": partial(loop, log_density, x, n_steps, STEP_SIZE),
                    **library(kernel, n_steps, energy, x),
                    **peers(kernel, n_steps, energy, x),
                }
                for who, ratio in ratios(things, seconds).items():
                    row = f"{kernel}, {n_steps} steps, {who}"
                    if who != "tight":
                        table.setdefault(row, {})[name] = ratio
    return table


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of CPU time per cell")
    parser.add_argument("--json", type=Path)
    parser.add_argument("targets", nargs="*", help="columns; by default all")
    args = parser.parse_args()
    torch.set_num_threads(1)
    table = measure(args.targets or list(targets()), args.seconds)
    show("CPU time of a draw over that of the tight loop", table)
    if args.json:
        write(args.json, {"draws": table})


if __name__ == "__main__":
    main()

"""The library's side of the comparison: `flow_mcmc` on the same target, in the same layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import Tensor

from benchmarks.compiled_draws import cpu_time
from lightning_ebm import NeuralSpline, Problem
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.kernels import MALA
from sampler_plugins.flow_mcmc import FlowMCMCSampler


@dataclass(frozen=True)
class Production:
    """What a side gives.

    Attributes:
        states: after each production loop, `(loops, chains, d)`.
        seconds: CPU time of the production loops.
        total: CPU time of all, training and compiling and imports included.
        densities: evaluations of the target in one loop.
    """

    states: numpy.ndarray
    seconds: float
    total: float
    densities: float


def made(settings: dict[str, Any], *, compile: bool) -> FlowMCMCSampler:
    """The sampler in the layout."""
    return FlowMCMCSampler(
        n_global=settings["global"],
        n_local=settings["local"],
        local=MALA(settings["step_size"], target_acceptance=0.574),
        data_share=0.0,
        compile=compile,
    )


def run(settings: dict[str, Any], begun: float) -> Production:
    """Train, warm up, produce, the latter by compiled steps if the settings say so."""
    torch.set_num_threads(1)
    torch.manual_seed(settings["seed"])
    means = torch.tensor(settings["means"])
    log_weights = torch.tensor(settings["weights"]).log()

    def log_density(x: Tensor) -> Tensor:
        return (log_weights - (x[:, None] - means).square().sum(-1) / 2).logsumexp(1)

    dimension, n = settings["dimension"], settings["chains"]
    flow = NeuralSpline(
        [dimension],
        n_layers=settings["layers"],
        hidden=settings["hidden"],
        n_bins=settings["bins"],
    )
    reference = GaussianBase(event_shape=(dimension,))
    reference.initialise(settings["spread"] * torch.randn(10_000, dimension))
    problem = Problem(log_density, (dimension,), reference, proposal=flow, flow=flow)
    sampler = made(settings, compile=False).train()
    flow.initialise(sampler(problem, n).x)
    optimizer = torch.optim.Adam(flow.parameters(), lr=settings["learning_rate"])
    for _ in range(settings["training_loops"] * settings["epochs"]):
        draw = sampler(problem, n)
        loss = sampler.flow_loss(problem, draw)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    flow.requires_grad_(False)
    if settings["compile"]:
        learned, sampler = sampler.state_dict(), made(settings, compile=True)
        sampler.load_state_dict(learned)
    sampler.eval()
    for _ in range(settings["warm_up"]):
        sampler(problem, n)
    counted, measured = problem.evaluations.densities, cpu_time()
    states = [sampler(problem, n).x.numpy() for _ in range(settings["loops"])]
    ended = cpu_time()
    densities = (problem.evaluations.densities - counted) / settings["loops"]
    return Production(numpy.stack(states), ended - measured, ended - begun, densities)

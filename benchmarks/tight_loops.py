"""The tightest loops that one would write by hand for each kernel, with nothing around them.

No test of finiteness, no adaptation, no record of acceptance; step sizes are plain numbers, and
what was computed at a state is carried along.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]
State = tuple[Tensor, Tensor, Tensor]
"""Points, their log-densities and scores."""


def score_at(log_density: LogDensity, x: Tensor) -> tuple[Tensor, Tensor]:
    """Log-density and its gradient."""
    x = x.detach().requires_grad_()
    log_prob = log_density(x)
    (score,) = torch.autograd.grad(log_prob.sum(), x)
    return log_prob.detach(), score


def ula(log_density: LogDensity, x: Tensor, n_steps: int, step_size: float) -> Tensor:
    """Unadjusted Langevin."""
    deviation = math.sqrt(2 * step_size)
    for _ in range(n_steps):
        _, score = score_at(log_density, x)
        x = x.add(score, alpha=step_size).add_(torch.randn_like(x), alpha=deviation)
    return x


def mala(log_density: LogDensity, x: Tensor, n_steps: int, step_size: float) -> Tensor:
    """Metropolis-adjusted Langevin, one new gradient a step."""
    deviation = math.sqrt(2 * step_size)
    log_prob, score = score_at(log_density, x)
    for _ in range(n_steps):
        noise = torch.randn_like(x)
        y = x.add(score, alpha=step_size).add_(noise, alpha=deviation)
        new_log_prob, new_score = score_at(log_density, y)
        back = (x - y).sub_(new_score, alpha=step_size).flatten(1).square().sum(1)
        there = noise.flatten(1).square().sum(1)
        log_ratio = new_log_prob - log_prob - back / (4 * step_size) + there / 2
        new, old = (y, new_log_prob, new_score), (x, log_prob, score)
        x, log_prob, score = decided(log_ratio, new, old)
    return x


def hmc(log_density: LogDensity, x: Tensor, n_steps: int, step_size: float) -> Tensor:
    """Hamiltonian trajectories of five leapfrogs, a gradient each."""
    time = math.sqrt(2 * step_size)
    log_prob, score = score_at(log_density, x)
    for _ in range(n_steps):
        momentum = torch.randn_like(x)
        energy = log_prob - momentum.flatten(1).square().sum(1) / 2
        y, new_score = x, score
        momentum = momentum.add(new_score, alpha=time / 2)
        for leapfrog in range(5):
            y = y.add(momentum, alpha=time)
            new_log_prob, new_score = score_at(log_density, y)
            momentum.add_(new_score, alpha=time if leapfrog < 4 else time / 2)
        log_ratio = new_log_prob - momentum.flatten(1).square().sum(1) / 2 - energy
        new, old = (y, new_log_prob, new_score), (x, log_prob, score)
        x, log_prob, score = decided(log_ratio, new, old)
    return x


def decided(log_ratio: Tensor, new: State, old: State) -> State:
    """The new state where it is accepted."""
    accepted = torch.rand_like(log_ratio) < log_ratio.exp()
    mask = accepted.reshape(-1, *[1] * (new[0].dim() - 1))
    return (
        torch.where(mask, new[0], old[0]),
        torch.where(accepted, new[1], old[1]),
        torch.where(mask, new[2], old[2]),
    )

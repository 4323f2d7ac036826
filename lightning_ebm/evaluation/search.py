"""Chains that look for mass of the model: begun from noise, from data, from the flow, run long.

Where they stay is where the model has mass, whether or not a flow ever proposes it. What they did
not find is not known, so that what was looked for is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, choose, per_point, with_score
from lightning_ebm.kernels.langevin import adjusted_proposal
from lightning_ebm.kernels.metropolis import acceptance
from lightning_ebm.kernels.step_size import Scales
from lightning_ebm.needed import needed
from lightning_ebm.problem import Distribution, Problem

SNAPSHOTS = 20
NOISE_SCALES = (1.0, 3.0, 10.0)
"""Widths of the noise that chains begin as, in units of the reference's."""

GAIN, ACCEPTANCE = 0.5, 0.6
"""Of the adaptation of step sizes: log γ moves by gain times (acceptance - this one)."""


@dataclass(frozen=True)
class Trails:
    """What chains that looked around came by.

    Attributes:
        points: states over the second half of the run, `(snapshots, chains, *event)`.
        log_prob: the model's unnormalised log-density there, `(snapshots, chains)`.
        origins: where each chain began, in words.
        n_steps: steps that each chain took.
    """

    points: Tensor
    log_prob: Tensor
    origins: tuple[str, ...]
    n_steps: int

    @property
    def settled(self) -> Tensor:
        """Which chains move and have stopped to climb, `(chains,)`: others are on their way.

        A chain climbs if log p̃ rose, from the first to the second half of what was looked at, by
        more than one and a half times its standard deviation within both. One that was looked at
        too seldom to tell is on its way.
        """
        if len(self.log_prob) < 4:
            return torch.zeros(
                self.log_prob.shape[1:], dtype=torch.bool, device=self.points.device
            )
        first, second = self.log_prob.double().chunk(2)
        within = (first.var(0) + second.var(0)).div(2).sqrt()
        return (within > 0) & (second.mean(0) - first.mean(0) <= 1.5 * within)


def look_around(
    problem: Problem, starts: dict[str, Tensor], n_steps: int, snapshots: int = SNAPSHOTS
) -> Trails:
    """Run exact local chains from many places, each with a step size of its own.

    MALA, whose step sizes follow the acceptance of their chain over the first half of the run and
    stand still over the second, where the states are looked at.

    Args:
        problem: the model.
        starts: points `(n, *event)` where chains begin, by name of their origin.
        n_steps: steps of each chain.
        snapshots: states of each chain that are looked at, evenly spaced over the second half.
    """
    chain = Chain(torch.cat(list(starts.values())))
    origins = tuple(name for name, x in starts.items() for _ in range(len(x)))
    log_size = _first_log_step_size(problem).expand(len(origins))
    every = max(1, n_steps // (2 * snapshots))
    points, log_probs = [], []
    for step in range(n_steps):
        chain = with_score(problem, chain)
        scales = Scales.of(log_size.exp().to(chain.x), chain.x)
        proposed, log_ratio, _ = adjusted_proposal(problem, chain, scales)
        _, probability = acceptance(proposed, log_ratio)
        chain = choose(torch.rand_like(probability) < probability, proposed, chain)
        if 2 * step < n_steps and n_steps > 1:
            log_size = log_size + GAIN * (probability.double() - ACCEPTANCE)
        elif (n_steps - 1 - step) % every == 0:
            points.append(chain.x)
            log_probs.append(needed(chain.log_prob))
    return Trails(torch.stack(points), torch.stack(log_probs), origins, n_steps)


def widened_noise(reference: Distribution, n: int) -> Tensor:
    """N points `(n, *event)` as wide as the reference, and several times wider."""
    x, _ = reference.sample(max(n, 100))
    scales = x.new_tensor(NOISE_SCALES)[torch.arange(n, device=x.device) % len(NOISE_SCALES)]
    centre = x.mean(0)
    return centre + per_point(scales, x[:n]) * (x[:n] - centre)


def _first_log_step_size(problem: Problem) -> Tensor:
    x, _ = problem.reference.sample(1000)
    return (0.1 * x.flatten(1).double().var(0).mean().clamp(min=1e-12)).log()

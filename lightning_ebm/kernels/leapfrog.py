"""The leapfrog: the symplectic steps that Hamiltonian kernels propose by."""

from __future__ import annotations

from torch import Tensor

from lightning_ebm.chain import Chain, scored, squared_norm
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem


def leapfrogs(
    problem: Problem,
    chain: Chain,
    momentum: Tensor,
    time: Tensor,
    n_steps: int = 1,
    mass: Tensor | None = None,
) -> tuple[Chain, Tensor]:
    """Follow H(x, v) = -log p(x) + vᵀM⁻¹v/2 for some steps: half a kick, a drift, half a kick.

    Volume is kept, and with v reversed the same steps lead back.

    Args:
        problem: gives the scores; one gradient per step.
        chain: where the trajectories begin, with its score.
        momentum: v, `(n, *event)`.
        time: ε, a number or broadcastable over the points.
        n_steps: leapfrogs.
        mass: the diagonal of M, broadcastable over the points; None is 1.

    Source: Neal 2011, MCMC using Hamiltonian dynamics, section 2.3.
    """
    half = time / 2
    kick = half * needed(chain.score)
    momentum = momentum + kick
    for left in reversed(range(n_steps)):
        drift = time * momentum if mass is None else (time * momentum).div_(mass)
        chain = scored(problem, chain.x + drift)
        kick = half * needed(chain.score)
        momentum.add_(kick)
        if left:
            momentum.add_(kick)
    return chain, momentum


def kinetic(momentum: Tensor, mass: Tensor | None = None) -> Tensor:
    """vᵀM⁻¹v/2 of each trajectory, `(n, *event)` to `(n,)`."""
    if mass is None:
        return squared_norm(momentum) / 2
    return (momentum.square() / mass).flatten(1).sum(1) / 2

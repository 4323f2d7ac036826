"""The leapfrog: the symplectic steps that Hamiltonian kernels propose by."""

from __future__ import annotations

from torch import Tensor

from lightning_ebm.chain import Chain, with_score
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem


def leapfrogs(
    problem: Problem,
    chain: Chain,
    momentum: Tensor,
    time: Tensor,
    n_steps: int = 1,
    mass: Tensor | float = 1.0,
) -> tuple[Chain, Tensor]:
    """Follow H(x, v) = -log p(x) + vᵀM⁻¹v/2 for some steps: half a kick, a drift, half a kick.

    Volume is kept, and with v reversed the same steps lead back.

    Args:
        problem: gives the scores; one gradient per step.
        chain: where the trajectories begin, with its score.
        momentum: v, `(n, *event)`.
        time: ε, a number or broadcastable over the points.
        n_steps: leapfrogs.
        mass: the diagonal of M, broadcastable over the points.

    Source: Neal 2011, MCMC using Hamiltonian dynamics, section 2.3.
    """
    for _ in range(n_steps):
        momentum = momentum + time / 2 * needed(chain.score)
        chain = with_score(problem, Chain(chain.x + time * momentum / mass))
        momentum = momentum + time / 2 * needed(chain.score)
    return chain, momentum


def kinetic(momentum: Tensor, mass: Tensor | float = 1.0) -> Tensor:
    """vᵀM⁻¹v/2 of each trajectory, `(n, *event)` to `(n,)`."""
    return (momentum.square() / mass).flatten(1).sum(1) / 2

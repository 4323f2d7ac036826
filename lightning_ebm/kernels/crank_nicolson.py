"""Flow moves that renew the latent point only in part, and so survive dimension.

With x = T(z), all moves here are reversible for the standard normal over z and correct by the
weight w(z) = p(T(z)) |det J_T(z)| / N(z; 0, I), whatever base the flow was trained with. The share
β of a move is drawn from a ladder, chain by chain and blind to the state, so that bold and timid
moves mix in one exact kernel. β = 1 renews z entirely, which is an independent proposal.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, per_point, squared_norm, with_density
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels.isir import MOST_PROPOSALS, resample
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.kernels.metropolis import metropolis_hastings
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import is_number, require_count

LADDER = (1.0, 0.7, 0.5, 0.35, 0.25)


class CrankNicolson(Kernel):
    """Preconditioned Crank-Nicolson in the latent space: z' = √(1-β²) z + β ξ, ξ ~ N(0, I).

    Accepted with min(1, w(z')/w(z)). With β = 1 alone it is IMH.

    Args:
        shares: the ladder that β is drawn from.

    Source: Cotter, Roberts, Stuart and White 2013, section 4; with the flow as the transport.
    """

    exact = True

    def __init__(self, shares: list[float] | None = None) -> None:
        super().__init__()
        self.shares = require_shares(shares)

    @torch.no_grad()
    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One partial renewal of every chain and its decision."""
        chain = with_density(problem, chain)
        held = latent_state(problem, chain)
        share = draw_shares(self.shares, held.z)
        proposed = from_latent(problem, partly_renewed(held.z, share))
        log_ratio = proposed.log_weight - held.log_weight
        return metropolis_hastings(chain, proposed.chain, log_ratio, move="global")


class CrankNicolsonISIR(Kernel):
    """i-SIR whose N candidates are partial renewals: draw a centre, then candidates around it.

    With a⁴ = 1 - β², the centre is c = a z + √(1-a²) η and the candidates are
    z_i = a c + √(1-a²) ξ_i. State and candidates are then exchangeable under N(0, I), so that
    picking one of the N + 1 by its weight is exact, and each is a Crank-Nicolson move of share β.

    Args:
        n_proposals: N.
        shares: the ladder that β is drawn from.

    Source: Tjelmeland 2004; Samsonov et al. 2022, section 3.2 (correlated proposals).
    """

    exact = True

    def __init__(self, n_proposals: int = 4, shares: list[float] | None = None) -> None:
        super().__init__()
        self.n_proposals = require_count("n_proposals", n_proposals, most=MOST_PROPOSALS)
        self.shares = require_shares(shares)

    @torch.no_grad()
    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One resampling of every chain among its state and its partial renewals."""
        chain = with_density(problem, chain)
        held = latent_state(problem, chain)
        share = draw_shares(self.shares, held.z)
        part = half_of(share)
        centre = partly_renewed(held.z, part).repeat_interleave(self.n_proposals, dim=0)
        z = partly_renewed(centre, part.repeat_interleave(self.n_proposals))
        candidates = from_latent(problem, z)
        return resample(chain, held.log_weight, candidates.chain, candidates.log_weight)


class LatentState(NamedTuple):
    """Chains seen from the latent space: `z (n, latent)` and log w `(n,)`."""

    chain: Chain
    z: Tensor
    log_weight: Tensor


def latent_state(problem: Problem, chain: Chain) -> LatentState:
    """Chains with a known log-density, pulled back through the flow once."""
    z, log_det = problem.needed_flow.inverse(chain.x)
    return LatentState(chain, z, needed(chain.log_prob) - log_det + squared_norm(z) / 2)


def from_latent(problem: Problem, z: Tensor) -> LatentState:
    """Latent points pushed through the flow, with their densities."""
    x, log_det = problem.needed_flow.forward(z)
    chain = with_density(problem, Chain(x))
    return LatentState(chain, z, needed(chain.log_prob) + log_det + squared_norm(z) / 2)


def partly_renewed(z: Tensor, share: Tensor) -> Tensor:
    """√(1-β²) z + β ξ with ξ ~ N(0, I), β `(n,)` of each point."""
    share = per_point(share, z)
    return (1 - share.square()).sqrt() * z + share * torch.randn_like(z)


def half_of(share: Tensor) -> Tensor:
    """The share that, renewed twice in a row, renews β: both leave √(1-β²) of the state."""
    return (1 - (1 - share.square()).sqrt()).sqrt()


def draw_shares(shares: list[float], z: Tensor) -> Tensor:
    """One β of the ladder for each of the n points."""
    return z.new_tensor(shares)[torch.randint(len(shares), (len(z),), device=z.device)]


def require_shares(shares: list[float] | None) -> list[float]:
    """The ladder, by default a geometric one; refused unless every β lies in (0, 1]."""
    shares = list(LADDER) if shares is None else list(shares)
    if not shares or not all(is_number(share) and 0 < share <= 1 for share in shares):
        raise SettingError(
            f"shares is {shares}: give at least one number above 0 and at most 1, the part of "
            "the latent point that a flow move renews"
        )
    return shares

"""The Langevin proposal: ULA goes wherever it leads, and MALA corrects it by a ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, choose, per_point, squared_norm, with_score
from lightning_ebm.kernels.kernel import Info, share_of
from lightning_ebm.kernels.step_size import StepSize
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem


def with_drift(problem: Problem, chain: Chain) -> Chain:
    """The chain with its log-density, and with its score as what drifts it: 0 where there is none.

    A last step does not compute the score where it leads, so that a chain may have ended where
    that is not finite: it goes on by noise alone.
    """
    chain = with_score(problem, chain)
    return chain._replace(score=needed(chain.score).nan_to_num(0.0, 0.0, 0.0))


def langevin_proposal(chain: Chain, step_size: Tensor) -> Tensor:
    """Draw x' = x + γ ∇log p(x) + √(2γ) ξ with ξ ~ N(0, I); γ one number, or one per chain."""
    noise = torch.randn_like(chain.x)
    step_size = along(step_size, chain.x)
    return chain.x + step_size * needed(chain.score) + (2 * step_size).sqrt() * noise


def unadjusted(chain: Chain, proposed: Chain, step_size: Tensor) -> tuple[Chain, Info]:
    """Go wherever was proposed, but where what is known of it is not finite: there chains stay."""
    finite = proposed.finite()
    info = {"non_finite": share_of(~finite, chain.x), "step_size": StepSize.typical(step_size)}
    return choose(finite, proposed, chain), info


def langevin_log_density(to: Tensor, start: Chain, step_size: Tensor) -> Tensor:
    """Log-density of proposing `to` from `start`, without what depends on γ alone.

    -|to - x - γ∇log p(x)|²/4γ, `(n,)`; γ is one number, or one per chain.
    """
    offset = to - start.x - along(step_size, to) * needed(start.score)
    return -squared_norm(offset) / (4 * step_size)


def adjusted_proposal(problem: Problem, chain: Chain, step_size: Tensor) -> tuple[Chain, Tensor]:
    """Propose by Langevin, with the log of the Hastings ratio `(n,)`.

    log a = log p(y) - log p(x) + log q(x | y) - log q(y | x), with the Langevin density q.
    """
    proposed = with_score(problem, Chain(langevin_proposal(chain, step_size)))
    log_ratio = (
        needed(proposed.log_prob)
        - needed(chain.log_prob)
        + langevin_log_density(chain.x, proposed, step_size)
        - langevin_log_density(proposed.x, chain, step_size)
    )
    return proposed, log_ratio


def along(step_size: Tensor, x: Tensor) -> Tensor:
    """Step sizes, one number or one per chain, so that they broadcast over `x (n, *event)`."""
    return step_size if step_size.dim() == 0 else per_point(step_size, x)

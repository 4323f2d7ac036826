"""ULA: the unadjusted Langevin algorithm."""

from __future__ import annotations

from torch import Tensor

from lightning_ebm.chain import Chain
from lightning_ebm.kernels.langevin import langevin_proposal
from lightning_ebm.kernels.step_size import Scales
from lightning_ebm.kernels.unadjusted import UnadjustedKernel


class ULA(UnadjustedKernel):
    """Unadjusted Langevin: x' = x + γ ∇log p(x) + √(2γ) ξ, never rejected, hence biased.

    On N(0, 1) its stationary variance is 1/(1 - γ/2), not 1. Noise and step are tied, so it
    samples at temperature 1; a temperature is the model's affair (`model.temperature`). Chains
    whose new density or score is not finite stay.

    Args:
        step_size: γ, in squared units of x.

    Source: Roberts and Tweedie 1996, section 1.4.1.
    """

    def __init__(self, step_size: float = 0.01) -> None:
        super().__init__(step_size)

    def move(self, chain: Chain, scales: Scales) -> Tensor:
        """Where Langevin's step leads."""
        return langevin_proposal(chain, scales)

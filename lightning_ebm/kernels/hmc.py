"""HMC: Hamiltonian Monte Carlo."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.chain import Chain
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels.adjusted import AdjustedKernel
from lightning_ebm.kernels.leapfrog import kinetic, leapfrogs
from lightning_ebm.kernels.metropolis import weigh
from lightning_ebm.kernels.step_size import Scales
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_count


class HMC(AdjustedKernel):
    """Leapfrog trajectories of H(x, v) = -log p(x) + vᵀM⁻¹v/2, accepted by their error in H.

    The momentum is drawn from N(0, M), M = diag(mass), the covariance that the kinetic energy
    implies. The leapfrog's time step is ε = √(2γ), so that with one leapfrog and unit mass the
    proposal is Langevin's with the same γ. L leapfrogs cost L gradients.

    Args:
        step_size: γ, in squared units of x; where adaptation begins.
        n_leapfrog: leapfrogs per trajectory, L.
        mass: one positive number, or one per coordinate of a point in its flattened order.
        target_acceptance: acceptance that γ is adapted to while training, .65 being optimal for
            products in high dimension (Beskos et al. 2013); None keeps γ fixed.

    Source: Neal 2011, MCMC using Hamiltonian dynamics, section 3.
    """

    def __init__(
        self,
        step_size: float = 0.01,
        n_leapfrog: int = 5,
        mass: float | list[float] = 1.0,
        target_acceptance: float | None = None,
    ) -> None:
        super().__init__(step_size, target_acceptance)
        self.n_leapfrog = require_count("n_leapfrog", n_leapfrog)
        self.mass = _masses(mass)
        self._unit = self.mass.dim() == 0 and self.mass.item() == 1

    def propose(self, problem: Problem, chain: Chain, scales: Scales) -> tuple[Chain, Tensor]:
        """One trajectory per chain."""
        mass = None if self._unit else self._mass(chain.x)
        momentum = torch.randn_like(chain.x)
        if mass is not None:
            momentum.mul_(mass.sqrt())
        proposed, final = leapfrogs(problem, chain, momentum, scales.noise, self.n_leapfrog, mass)
        # A point or a score on the way that is not finite leaves no finite momentum.
        judged = needed(proposed.log_prob) - kinetic(final, mass)
        log_ratio = (judged - needed(chain.log_prob)).add_(kinetic(momentum, mass))
        return proposed, weigh(log_ratio, judged)

    def _mass(self, x: Tensor) -> Tensor:
        if self.mass.dim() and self.mass.numel() != x[0].numel():
            raise SettingError(
                f"mass is {self.mass.tolist()}, but a point has {x[0].numel()} coordinates: "
                "give one number, or one per coordinate"
            )
        return self.mass.to(x).expand(x[0].numel()).reshape(x.shape[1:])


def _masses(mass: float | list[float]) -> Tensor:
    refusal = f"mass is {mass}: every mass must be positive and finite"
    try:
        masses = torch.as_tensor(mass, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as failure:
        raise SettingError(refusal) from failure
    if masses.numel() == 0 or not ((masses > 0) & masses.isfinite()).all():
        raise SettingError(refusal)
    return masses

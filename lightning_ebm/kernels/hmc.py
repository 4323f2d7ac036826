"""HMC: Hamiltonian Monte Carlo."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, with_score
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels.kernel import Info, Kernel
from lightning_ebm.kernels.langevin import along
from lightning_ebm.kernels.leapfrog import kinetic, leapfrogs
from lightning_ebm.kernels.metropolis import decide
from lightning_ebm.kernels.step_size import StepSize
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_count


class HMC(Kernel):
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

    exact = True

    def __init__(
        self,
        step_size: float = 0.01,
        n_leapfrog: int = 5,
        mass: float | list[float] = 1.0,
        target_acceptance: float | None = None,
    ) -> None:
        super().__init__()
        require_count("n_leapfrog", n_leapfrog)
        self.step_size = StepSize(step_size, target_acceptance)
        self.n_leapfrog = n_leapfrog
        self.mass = torch.as_tensor(mass, dtype=torch.float64)
        if self.mass.numel() == 0 or not ((self.mass > 0) & self.mass.isfinite()).all():
            raise SettingError(f"mass is {mass}: every mass must be positive and finite")

    def prepare(self, problem: Problem, chain: Chain) -> Chain:
        """Log-density and score."""
        return with_score(problem, chain)

    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One trajectory and its decision."""
        chain = with_score(problem, chain)
        step_size = self.step_size(chain.x)
        mass = self._mass(chain.x)
        momentum = torch.randn_like(chain.x) * mass.sqrt()
        time = along((2 * step_size).sqrt(), chain.x)
        proposed, final = leapfrogs(problem, chain, momentum, time, self.n_leapfrog, mass)
        fallen = needed(proposed.log_prob) - kinetic(final, mass)
        log_ratio = fallen - needed(chain.log_prob) + kinetic(momentum, mass)
        decision = decide(chain, proposed, log_ratio)
        self.step_size.adapt(decision.probability)
        return decision.chain, decision.info("local") | {
            "step_size": self.step_size.typical(step_size)
        }

    def _mass(self, x: Tensor) -> Tensor:
        if self.mass.dim() and self.mass.numel() != x[0].numel():
            raise SettingError(
                f"mass is {self.mass.tolist()}, but a point has {x[0].numel()} coordinates: "
                "give one number, or one per coordinate"
            )
        return self.mass.to(x).expand(x[0].numel()).reshape(x.shape[1:])

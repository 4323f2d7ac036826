"""Generalised HMC: short trajectories whose momentum persists from one to the next."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, choose, with_score
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels.kernel import Info, Kernel, share_of
from lightning_ebm.kernels.leapfrog import kinetic, leapfrogs
from lightning_ebm.kernels.metropolis import acceptance
from lightning_ebm.kernels.step_size import StepSize, along
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import is_number, require_count


class GeneralisedHMC(Kernel):
    """HMC of few leapfrogs, of whose momentum v only a part is renewed before each trajectory.

    v ← α v + √(1 - α²) ξ with ξ ~ N(0, I); then leapfrogs, accepted by their error in H; at a
    rejection v is reversed, which leaves exp(-H) invariant. α = 0 with one leapfrog is MALA. The
    more persists, the straighter chains travel, but for their rejections, each of which turns a
    chain round: the acceptance is to be high.

    A threshold that persists too brings rejections together in time, with long straight runs
    between them: a chain has s, uniform on [-1, 1], accepts while |s| < exp(-ΔH), and then
    s ← s exp(ΔH); before each decision s ← s + drift, wrapped round.

    Args:
        step_size: γ, in squared units of x, where adaptation begins; the time step is √(2γ).
        n_leapfrog: leapfrogs per trajectory, each one gradient.
        persistence: α, from 0 to below 1.
        target_acceptance: acceptance that γ is adapted to while training; None keeps γ fixed.
        drift: of the threshold; None draws a threshold anew for each decision.

    Raises:
        SettingError: if a number is out of its range.

    Source: Horowitz 1991, Phys. Lett. B 268; the threshold, Neal 2020 (arXiv:2001.11950).
    """

    exact = True

    def __init__(
        self,
        step_size: float = 0.01,
        n_leapfrog: int = 1,
        persistence: float = 0.9,
        target_acceptance: float | None = None,
        drift: float | None = None,
    ) -> None:
        super().__init__()
        require_count("n_leapfrog", n_leapfrog)
        if not (is_number(persistence) and 0 <= persistence < 1):
            raise SettingError(
                f"persistence is {persistence}: the share of the momentum that is kept is at "
                "least 0 and below 1"
            )
        if drift is not None and not (is_number(drift) and 0 < drift < 2):
            raise SettingError(
                f"drift is {drift}: a threshold between -1 and 1 drifts by more than 0 and less "
                "than 2; null draws it anew each time"
            )
        self.step_size = StepSize(step_size, target_acceptance)
        self.n_leapfrog = n_leapfrog
        self.persistence = persistence
        self.drift = drift

    def prepare(self, problem: Problem, chain: Chain) -> Chain:
        """Log-density and score; new chains get a momentum and a threshold."""
        chain = with_score(problem, chain)
        if chain.momentum is None:
            chain = chain._replace(momentum=torch.randn_like(chain.x))
        if self.drift is not None and chain.threshold is None:
            drawn = torch.rand_like(needed(chain.log_prob))
            chain = chain._replace(threshold=2 * drawn - 1)
        return chain

    def step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One trajectory and its decision."""
        chain = self.prepare(problem, chain)
        step_size = self.step_size(chain.x)
        fresh = math.sqrt(1 - self.persistence**2) * torch.randn_like(chain.x)
        begun = self.persistence * needed(chain.momentum) + fresh
        time = along((2 * step_size).sqrt(), chain.x)
        proposed, ended = leapfrogs(problem, chain, begun, time, self.n_leapfrog)
        fallen = needed(proposed.log_prob) - kinetic(ended)
        log_ratio = fallen - needed(chain.log_prob) + kinetic(begun)
        usable, probability = acceptance(proposed, log_ratio)
        accepted, kept, lowered = self._decide(chain.threshold, probability, log_ratio)
        moved = proposed._replace(momentum=ended, threshold=lowered)
        stayed = chain._replace(momentum=-begun, threshold=kept)
        self.step_size.adapt(probability)
        return choose(accepted, moved, stayed), {
            "acceptance_local": probability.mean(),
            "non_finite": share_of(~usable, probability),
            "step_size": self.step_size.typical(step_size),
        }

    def _decide(
        self, threshold: Tensor | None, probability: Tensor, log_ratio: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """What is accepted, and the thresholds where it is not and where it is."""
        if self.drift is None:
            return torch.rand_like(probability) < probability, None, None
        drifted = torch.remainder(needed(threshold) + self.drift + 1, 2) - 1
        # |s| exp(-H) is a height under the density that a move keeps: it must be below the new.
        ratio = torch.where(probability > 0, log_ratio, torch.zeros_like(log_ratio)).exp()
        accepted = (probability > 0) & (drifted.abs() < ratio)
        return accepted, drifted, (drifted / ratio).clamp(-1, 1)

"""Annealed importance sampling: from a distribution that can be drawn to the model, and back."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_ebm.chain import Chain
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import HMC, Kernel
from lightning_ebm.problem import Distribution, Problem


class WeightedPoints(NamedTuple):
    """Points `x (n, *event)` whose weights, given as logs `(n,)`, make them stand for the model.

    The mean weight is the ratio of normalising constants of model and start.
    """

    x: Tensor
    log_weights: Tensor


class Annealing:
    """The path p̃^β q^(1-β) in steps of β, even ones if not told others, with a kernel at each.

    Source: Neal 2001, Annealed importance sampling; backward, Grosse, Ancha and Roy 2016.

    Args:
        problem: the model.
        start: q, normalised; by default the problem's reference.
        n_steps: steps of β from 0 to 1.
        kernel: a reversible exact kernel, copied for every β; by default HMC whose masses are
            the start's inverse variances. It may adapt, in `tune` alone.
        betas: the steps of β themselves, from 0 to 1, `(n_steps + 1,)`.

    Raises:
        SettingError: if the kernel is not exact, or there is no step.
    """

    def __init__(
        self,
        problem: Problem,
        start: Distribution | None = None,
        n_steps: int = 100,
        kernel: Kernel | None = None,
        betas: Tensor | None = None,
    ) -> None:
        if n_steps < 1:
            raise SettingError(f"annealing steps: {n_steps} is no path; give 1 or more")
        self.problem = problem
        self.start = start if start is not None else problem.reference
        kernel = kernel if kernel is not None else scaled_hmc(self.start)
        if not kernel.exact:
            raise SettingError(
                f"{type(kernel).__name__} is not exact, and annealing needs kernels that leave "
                "each density of the path invariant: use HMC or MALA"
            )
        self.betas = (
            torch.linspace(0, 1, n_steps + 1, dtype=torch.float64) if betas is None else betas
        )
        self.kernels = [copy.deepcopy(kernel) for _ in range(len(self.betas) - 1)]

    def tune(self, n: int = 32, first: int = 50, later: int = 3) -> Annealing:
        """Let the kernels adapt on n chains of their own, each from where the last one ended.

        Args:
            n: chains.
            first: transitions of the first kernel.
            later: transitions of each other one.
        """
        x, _ = self.start.sample(n)
        state = None
        for k, kernel in enumerate(self.kernels):
            if state is not None:
                kernel.load_state_dict(state)
            kernel.train()
            for _ in range(first if k == 0 else later):
                chain, _ = kernel.step(self._between(k + 1), Chain(x))
                x = chain.x
            kernel.eval()
            state = kernel.state_dict()
        return self

    def forward(self, n: int) -> WeightedPoints:
        """Draw n points of the start and bring them to the model."""
        x, _ = self.start.sample(n)
        log_weights = x.new_zeros(n, dtype=torch.float64)
        for k, kernel in enumerate(self.kernels):
            log_weights = log_weights + self._log_ratio(k, x)
            chain, _ = kernel.eval().step(self._between(k + 1), Chain(x))
            x = chain.x
        return WeightedPoints(x, log_weights)

    def backward(self, x: Tensor) -> Tensor:
        """Bring points of the model `(n, *event)` to the start.

        Returns:
            Log-weights `(n,)` whose negatives average to the inverse ratio of constants: with
            draws of the model, `reverse_importance_sampling` of them is too high on average.
        """
        log_weights = x.new_zeros(len(x), dtype=torch.float64)
        for k in reversed(range(len(self.kernels))):
            chain, _ = self.kernels[k].eval().step(self._between(k + 1), Chain(x))
            x = chain.x
            log_weights = log_weights + self._log_ratio(k, x)
        return log_weights

    def _between(self, k: int) -> Problem:
        return self.problem.tempered(float(self.betas[k]), self.start)

    def _log_ratio(self, k: int, x: Tensor) -> Tensor:
        """Log π_{k+1}/π_k, without constants, at points `(n, *event)`."""
        with torch.no_grad():
            log_ratio = self.problem.log_prob(x) - self.start.log_prob(x)
        return log_ratio.double() * float(self.betas[k + 1] - self.betas[k])


def scaled_hmc(start: Distribution, n_leapfrog: int = 5) -> HMC:
    """HMC that moves every coordinate by the start's own scale, and finds its step size."""
    with torch.no_grad():
        x, _ = start.sample(1000)
    variance = x.flatten(1).double().var(0).clamp(min=1e-12)
    return HMC(0.05, n_leapfrog, mass=(1 / variance).tolist(), target_acceptance=0.65)

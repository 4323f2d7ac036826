"""Step sizes, fixed or adapted to an acceptance rate."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor, nn

from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import require_positive


class Kept(TypedDict):
    """What a checkpoint keeps of a step size: the value, and as what it was configured."""

    log_value: Tensor
    initial: float
    target_acceptance: float | None


class StepSize(nn.Module):
    """A positive step size γ that may follow the acceptance rate while in training mode.

    After a transition with mean acceptance a, log γ ← log γ + rate · (a - target): a stochastic
    approximation (Andrieu and Thoms 2008, A tutorial on adaptive MCMC, eq. 19) whose gain stays
    constant because the target moves while an energy is trained. In eval mode γ is still, so
    that what is measured is one Markov kernel.

    Args:
        initial: the step size to begin with.
        target_acceptance: the mean acceptance to reach, between 0 and 1; None keeps γ fixed.
        rate: gain of the adaptation.

    Raises:
        SettingError: if a number is out of its range.
    """

    def __init__(
        self, initial: float, target_acceptance: float | None = None, rate: float = 0.1
    ) -> None:
        super().__init__()
        require_positive("step_size", initial)
        if target_acceptance is not None and not 0 < target_acceptance < 1:
            raise SettingError(
                f"target_acceptance is {target_acceptance}: it must lie between 0 and 1, "
                "or be null for a fixed step size"
            )
        self.initial = float(initial)
        self.log_value = torch.tensor(initial, dtype=torch.float64).log()
        self.target_acceptance = target_acceptance
        self.rate = rate
        self._latest: tuple[Tensor, Tensor | None] = self.log_value, None

    def spread(self, n_groups: int) -> None:
        """Give each of so many equal groups of chains, one after the other, its own step size.

        They begin at the present one, or between those that there are if these are others.
        """
        values = self.log_value.reshape(1, 1, -1)
        if values.shape[2] != n_groups or self.log_value.dim() == 0:
            self.log_value = torch.nn.functional.interpolate(
                values, n_groups, mode="linear", align_corners=True
            ).flatten()

    def __call__(self, like: Tensor) -> Tensor:
        """The step size, of the type and on the device of `like (n, ...)`.

        One number, or where it is spread over groups one for each point, `(n,)`.
        """
        value, of = self._latest
        if torch.compiler.is_compiling():
            # What is remembered would be another graph at its second call.
            value = self.log_value.exp().to(like)
        elif of is not self.log_value or value.dtype != like.dtype or value.device != like.device:
            value = self.log_value.exp().to(like)
            self._latest = value, self.log_value
        return value if value.dim() == 0 else value.repeat_interleave(len(like) // len(value))

    def adapt(self, probability: Tensor) -> None:
        """Learn from the acceptance probabilities `(n,)` of a transition, or from their mean.

        Only if asked to, and in training mode.
        """
        if self.training and self.target_acceptance is not None:
            shape = (len(self.log_value), -1) if self.log_value.dim() else (-1,)
            acceptance = probability.reshape(shape).mean(-1, dtype=torch.float64)
            change = self.rate * (acceptance - self.target_acceptance)
            self.log_value = self.log_value.to(acceptance.device) + change

    @staticmethod
    def typical(step_size: Tensor) -> Tensor:
        """One number to report: the step size, or the geometric mean of those of all chains."""
        return step_size if step_size.dim() == 0 else step_size.log().mean().exp()

    def get_extra_state(self) -> Kept:
        """What a checkpoint keeps: the value, and as what it was configured."""
        return {
            "log_value": self.log_value,
            "initial": self.initial,
            "target_acceptance": self.target_acceptance,
        }

    def set_extra_state(self, state: Kept) -> None:
        """Take up what a checkpoint kept, where it was adapted from the same step size.

        One that is not adapted, or is configured to begin with another, stays as configured.
        """
        as_now = state.get("initial", self.initial) == self.initial
        if self.target_acceptance is not None and as_now:
            self.log_value = state["log_value"]

"""Step sizes, fixed or adapted to an acceptance rate."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightning_ebm.errors import SettingError


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
        if not initial > 0:
            raise SettingError(f"step_size is {initial}: it must be positive")
        if target_acceptance is not None and not 0 < target_acceptance < 1:
            raise SettingError(
                f"target_acceptance is {target_acceptance}: it must lie between 0 and 1, "
                "or be null for a fixed step size"
            )
        self.log_value = torch.tensor(initial, dtype=torch.float64).log()
        self.target_acceptance = target_acceptance
        self.rate = rate

    def __call__(self, like: Tensor) -> Tensor:
        """The step size as a number of the type and on the device of `like`."""
        return self.log_value.exp().to(like)

    def adapt(self, acceptance: Tensor) -> None:
        """Learn from the mean acceptance of a transition, if asked to and in training mode."""
        if self.training and self.target_acceptance is not None:
            change = self.rate * (acceptance.double() - self.target_acceptance)
            self.log_value = self.log_value.to(acceptance.device) + change

    def get_extra_state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {"log_value": self.log_value}

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        """Take up what a checkpoint kept; a step size that is not adapted stays as configured."""
        if self.target_acceptance is not None:
            self.log_value = state["log_value"]

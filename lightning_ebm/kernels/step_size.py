"""Step sizes, fixed or adapted to an acceptance rate."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import torch
from torch import Tensor, nn

from lightning_ebm.chain import per_point
from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import is_number, require_positive


class Kept(TypedDict):
    """What a checkpoint keeps of a step size: the value, and as what it was configured."""

    log_value: Tensor
    initial: float
    target_acceptance: float | None


class Scales(NamedTuple):
    """What a Langevin proposal takes of its step size γ: one number each, or one per chain.

    Attributes:
        drift: γ, broadcastable over the points.
        noise: √(2γ), broadcastable over the points.
        four: 4γ, one number or `(n,)`.
    """

    drift: Tensor
    noise: Tensor
    four: Tensor

    @classmethod
    def of(cls, step_size: Tensor, x: Tensor) -> Scales:
        """Those of γ, one number or `(n,)`, for points `(n, *event)`."""
        drift, two = along(step_size, x), step_size + step_size
        return cls(drift, along(two.sqrt(), x), two + two)


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
        if target_acceptance is not None and not (
            is_number(target_acceptance) and 0 < target_acceptance < 1
        ):
            raise SettingError(
                f"target_acceptance is {target_acceptance}: it must lie between 0 and 1, "
                "or be null for a fixed step size"
            )
        self.initial = float(initial)
        self.log_value = torch.tensor(initial, dtype=torch.float64).log()
        self.target_acceptance = target_acceptance
        self.rate = rate
        self._latest: tuple[Tensor, Tensor | None] = self.log_value, None
        self._scales: Scales | None = None

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
        return _repeated(value, like)

    def scales(self, like: Tensor) -> Scales:
        """What a proposal from `like (n, *event)` takes of it."""
        value = self(like)
        if value.dim() or self.adapts or torch.compiler.is_compiling():
            return Scales.of(value, like)
        if self._scales is None or self._scales.drift is not value:
            self._scales = Scales.of(value, like)
        return self._scales

    @property
    def adapts(self) -> bool:
        """Whether it follows the acceptance now: it was asked to, and is in training mode."""
        return self.training and self.target_acceptance is not None

    def adapt(self, probability: Tensor) -> None:
        """Learn from the acceptance probabilities `(n,)` of a transition, or from their mean.

        Only if asked to, and in training mode.
        """
        if self.training and self.target_acceptance is not None:
            self.log_value = _after(self.log_value, probability, self.rate, self.target_acceptance)

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


class Following:
    """A step size over a stretch of steps, which it follows in a plain object.

    To set an attribute of a module takes longer than all that is to be computed for a step.

    Args:
        step_size: what is followed; it is as it was until `end`.
        like: the points of the chains.
    """

    def __init__(self, step_size: StepSize, like: Tensor) -> None:
        self._step_size, self._like = step_size, like
        self._scales: Scales | None = step_size.scales(like)
        self._adapts, self._log_value = step_size.adapts, step_size.log_value
        self._used: list[Tensor] = []
        if self._adapts:
            # As tensors, for what a number is wrapped into costs as much as what is done with it.
            target, rate = step_size.target_acceptance, step_size.rate
            self._target = torch.tensor(target, dtype=torch.float64)
            self._rate = torch.tensor(rate, dtype=torch.float64)

    def now(self) -> Scales:
        """What the next proposal takes of it."""
        if self._scales is None:
            value = self._log_value.exp().to(self._like.device, self._like.dtype)
            value = _repeated(value, self._like)
            self._scales = Scales.of(value, self._like)
        if self._adapts or not self._used:
            self._used.append(self._scales.drift)
        return self._scales

    def learn(self, probability: Tensor) -> None:
        """Adapt, if it is to, to acceptance probabilities `(n,)`, where NaN is as good as 0."""
        if self._adapts:
            self._log_value = _after(
                self._log_value, probability.nan_to_num(0.0), self._rate, self._target
            )
            self._scales = None

    def end(self) -> Tensor:
        """Keep what was learned; the mean of the typical step sizes of all steps."""
        if self._adapts:
            self._step_size.log_value = self._log_value
        typical = [StepSize.typical(step_size) for step_size in self._used]
        return typical[0] if len(typical) == 1 else torch.stack(typical).mean()


def _after(
    log_value: Tensor, probability: Tensor, rate: Tensor | float, target: Tensor | float
) -> Tensor:
    if log_value.dim():
        probability = probability.reshape(len(log_value), -1)
    # To convert first costs half of what the mean costs if it is to convert.
    acceptance = probability.double().mean(-1)
    return log_value.to(acceptance.device) + (acceptance - target) * rate


def _repeated(value: Tensor, like: Tensor) -> Tensor:
    return value if value.dim() == 0 else value.repeat_interleave(len(like) // len(value))


def along(step_size: Tensor, x: Tensor) -> Tensor:
    """Step sizes, one number or one per chain, so that they broadcast over `x (n, *event)`."""
    return step_size if step_size.dim() == 0 else per_point(step_size, x)

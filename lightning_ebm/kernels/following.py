"""A step size that is followed over a stretch of steps, and adapts between them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from ctypes import c_float

import torch
from torch import Tensor

from lightning_ebm.kernels import waiting
from lightning_ebm.kernels.step_size import Scales, StepSize, after, repeated
from lightning_ebm.needed import needed

ROUNDED: dict[torch.dtype, Callable[[float], float]] = {
    torch.float32: lambda value: c_float(value).value,
    torch.float64: lambda value: value,
}
"""Types of chains whose numbers Python's own can be, and how they round."""


def follow(step_size: StepSize, like: Tensor) -> Following:
    """Follow a step size, which stays as it is until `end`.

    Args:
        step_size: what is followed.
        like: the points of the chains.
    """
    # A GPU must not be asked for a number at every step, nor can compiled code be.
    at_hand = waiting.answers_at_once(like) and not torch.compiler.is_compiling()
    if step_size.adapts and at_hand and like.dtype in ROUNDED and step_size.log_value.dim() == 0:
        return InNumbers(step_size, like)
    return InTensors(step_size, like)


class Following(ABC):
    """A step size over a stretch of steps, in a plain object.

    To set an attribute of a module takes longer than all that is to be computed for a step.
    """

    @abstractmethod
    def now(self) -> Scales:
        """What the next proposal takes of it."""

    @abstractmethod
    def learn(self, probability: Tensor) -> None:
        """Adapt, if it is to, to acceptance probabilities `(n,)`, where NaN is as good as 0."""

    @abstractmethod
    def end(self) -> Tensor:
        """Keep what was learned; the mean of the typical step sizes of all steps."""


class InNumbers(Following):
    """One step size that adapts, by Python's arithmetic: less than half of the time of torch's.

    The same numbers, but that libraries may differ by the last bit of an exponential of float64.
    """

    def __init__(self, step_size: StepSize, like: Tensor) -> None:
        self._step_size, self._dtype = step_size, like.dtype
        self._round = ROUNDED[like.dtype]
        self._target, self._rate = needed(step_size.target_acceptance), step_size.rate
        self._log_value: float = step_size.log_value.item()
        self._used: list[float] = []

    def now(self) -> Scales:
        """What the next proposal takes of it."""
        value = self._round(_exponential(self._log_value))
        self._used.append(value)
        drift, two, four = (torch.tensor(k * value, dtype=self._dtype) for k in (1, 2, 4))
        # Torch's root of float32 is not rounded as Python's, and chains are to stay as they were.
        return Scales(drift, two.sqrt(), four)

    def learn(self, probability: Tensor) -> None:
        """Adapt to acceptance probabilities `(n,)`, where NaN is as good as 0."""
        acceptance = probability.double().mean().item()
        if math.isnan(acceptance):
            acceptance = probability.nan_to_num(0.0).double().mean().item()
        self._log_value += (acceptance - self._target) * self._rate

    def end(self) -> Tensor:
        """Keep what was learned; the mean of the step sizes of all steps."""
        self._step_size.log_value = torch.tensor(self._log_value, dtype=torch.float64)
        return torch.tensor(self._used, dtype=self._dtype).mean()


def _exponential(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


class InTensors(Following):
    """Any step size, on any device."""

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
            self._scales = Scales.of(repeated(value, self._like), self._like)
        if self._adapts or not self._used:
            self._used.append(self._scales.drift)
        return self._scales

    def learn(self, probability: Tensor) -> None:
        """Adapt, if it is to, to acceptance probabilities `(n,)`, where NaN is as good as 0."""
        if self._adapts:
            self._log_value = after(
                self._log_value, probability.nan_to_num(0.0), self._rate, self._target
            )
            self._scales = None

    def end(self) -> Tensor:
        """Keep what was learned; the mean of the typical step sizes of all steps."""
        if self._adapts:
            self._step_size.log_value = self._log_value
        typical = [StepSize.typical(step_size) for step_size in self._used]
        return typical[0] if len(typical) == 1 else torch.stack(typical).mean()

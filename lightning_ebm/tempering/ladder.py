"""The ladder: the β of every rung, placed where neighbours swap equally often."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy
import torch
from torch import Tensor, nn

from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import is_number, require_count

SMALLEST = 1e-3
"""Rejection that is lent to every pair, so that a ladder without any is placed evenly."""
MOST_RUNGS = 10_000
"""Rungs beyond which no ladder is of use."""


class Kept(TypedDict):
    """What a checkpoint keeps of a ladder."""

    betas: Tensor
    rejections: Tensor
    observed: int


class Ladder(nn.Module):
    """β of K rungs, 0 = β_0 < ... < β_{K-1} = 1, that follow the rejection of swaps in training.

    With r_k the rejection of pair k, Λ(β_k) = r_0 + ... + r_{k-1} is the communication barrier up
    to β_k, whatever the ladder; interpolated monotonically, it is cut into equal parts. In eval
    mode the ladder stands still.

    Args:
        n_rungs: K, at the beginning.
        max_rejection: rungs are added while the rejection of a pair, all being equal, would be
            above this; null keeps K.
        most_rungs: rungs that it may have.
        rate: weight of a new observation in the running rejections.
        every: observations between placements.

    Raises:
        SettingError: if a number is out of its range.

    Source: Syed, Bouchard-Côté, Deligiannidis and Doucet 2022, section 5.
    """

    def __init__(
        self,
        n_rungs: int = 6,
        max_rejection: float | None = None,
        most_rungs: int = 32,
        rate: float = 0.05,
        every: int = 10,
    ) -> None:
        super().__init__()
        require_count("n_rungs", n_rungs, least=2, most=MOST_RUNGS)
        require_count("most_rungs", most_rungs, least=2, most=MOST_RUNGS)
        require_count("every", every)
        if not (is_number(rate) and 0 < rate <= 1):
            raise SettingError(f"rate is {rate}: a weight lies above 0 and is at most 1")
        if max_rejection is not None and not (is_number(max_rejection) and 0 < max_rejection < 1):
            raise SettingError(
                f"max_rejection is {max_rejection}: a rejection lies between 0 and 1; null for a "
                "fixed number of rungs"
            )
        self.max_rejection = max_rejection
        self.most_rungs = max(most_rungs, n_rungs)
        self.rate = rate
        self.every = every
        self.betas = torch.linspace(0, 1, n_rungs, dtype=torch.float64)
        self.rejections = torch.zeros(n_rungs - 1, dtype=torch.float64)
        self.observed = 0

    def __len__(self) -> int:
        """The number of rungs."""
        return len(self.betas)

    @property
    def barrier(self) -> Tensor:
        """Λ, the sum of all rejections."""
        return self.rejections.sum()

    def observe(self, rejections: Tensor) -> None:
        """Learn from mean rejections `(K-1,)`, NaN where unknown, in training mode alone."""
        if not self.training:
            return
        seen = rejections.detach().double().cpu()
        seen = torch.where(seen.isnan(), self.rejections, seen)
        # The first observations weigh as much as the running mean of so few allows.
        rate = max(self.rate, 1 / (self.observed + 1))
        self.rejections = self.rejections + rate * (seen - self.rejections)
        self.observed += 1
        if self.observed % self.every == 0:
            self.place()

    def place(self) -> None:
        """Put the rungs at equal parts of the barrier, and add some if there are too few."""
        from scipy.interpolate import PchipInterpolator

        steps = self.rejections + SMALLEST
        n_rungs = len(self)
        if self.max_rejection is not None:
            wanted = math.ceil(float(self.barrier) / self.max_rejection) + 1
            n_rungs = min(max(n_rungs, wanted), self.most_rungs)
        barrier = numpy.concatenate([[0.0], steps.cumsum(0).numpy()])
        even = numpy.linspace(0.0, barrier[-1], n_rungs)
        betas = torch.from_numpy(PchipInterpolator(barrier, self.betas.numpy())(even))
        betas[0], betas[-1] = 0.0, 1.0
        self.betas = betas
        self.rejections = (self.barrier / (n_rungs - 1)).repeat(n_rungs - 1)

    def get_extra_state(self) -> Kept:
        """What a checkpoint keeps."""
        return {
            "betas": self.betas,
            "rejections": self.rejections,
            "observed": self.observed,
        }

    def set_extra_state(self, state: Kept) -> None:
        """Take up what a checkpoint kept."""
        self.betas = state["betas"].cpu()
        self.rejections = state["rejections"].cpu()
        self.observed = state["observed"]

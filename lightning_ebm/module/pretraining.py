"""The flow's own training on data, before the first step, that can stop at any step and go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from lightning_ebm.errors import DivergenceError, NotFiniteError
from lightning_ebm.flows import Flow
from lightning_ebm.module.buffer_watch import BufferWatch
from lightning_ebm.module.companion import Average, flow_step, spoilt
from lightning_ebm.optimizers import BEHIND, JointOptimizer, JointScheduler

NAME = "flow_pretraining"


class Pretraining:
    """Maximum likelihood of a flow, a step for each batch of data.

    Args:
        flow: learns.
        optimizer: the flow's, new.
        scheduler: makes the learning-rate scheduler of these steps, or None.
        clip: largest norm of the gradient, or None.
        average: maps a tensor to its mean over processes.

    Attributes:
        step: steps done.
        losses: of the latest steps, in nats.
    """

    def __init__(
        self,
        flow: Flow,
        optimizer: Optimizer,
        scheduler: Callable[[Optimizer], LRScheduler] | None,
        clip: float | None,
        average: Average,
    ) -> None:
        self.flow = flow
        self.optimizer = optimizer
        self.clip = clip
        self.average = average
        self.step = 0
        self.losses: list[Tensor] = []
        self._buffers = BufferWatch()
        self._joint = JointOptimizer({NAME: optimizer})
        made = {} if scheduler is None else {NAME: scheduler(optimizer)}
        self._schedulers = JointScheduler(self._joint, made)

    def run(
        self,
        batches: Iterator[Tensor],
        n_steps: int,
        after: Callable[[int], None],
        *,
        progress: bool,
    ) -> float:
        """Make the steps that are left; return the last tenth's mean loss, in nats.

        Args:
            batches: endless data.
            n_steps: of all.
            after: is called with the number of steps done after each.
            progress: whether to show a bar.

        Raises:
            DivergenceError: if a step is not finite.
        """
        self.flow.train()
        self._buffers.begin({"flow": self.flow})
        latest = max(1, n_steps // 10)
        numbers = range(self.step, n_steps)
        with tqdm(
            numbers,
            desc="Pre-training the flow",
            initial=self.step,
            total=n_steps,
            disable=not progress,
        ) as shown:
            for number in shown:
                self._step(next(batches), number)
                self.step = number + 1
                self.losses = self.losses[-latest:]
                after(self.step)
        return torch.stack(self.losses[-latest:]).mean().item()

    def _step(self, x: Tensor, number: int) -> None:
        loss = -self.flow.log_prob(x).mean()
        overflowed = self._buffers.overflowed()
        try:
            flow_step(spoilt(loss, overflowed), self.optimizer, self.clip, self.average)
        except NotFiniteError as failure:
            what = ", ".join([*overflowed, str(failure)])
            raise DivergenceError(
                f"pre-training of the flow diverged at step {number}: not finite: {what}; "
                "give model.flow_optimizer a lower learning rate, or set model.flow_clip"
            ) from failure
        self._schedulers.step()
        self.losses.append(loss.detach())

    def state_dict(self) -> dict[str, Any]:
        """All but the flow."""
        return {
            "step": self.step,
            "losses": torch.stack(self.losses),
            "optimizer": self._joint.state_dict(),
            "scheduler": self._schedulers.state_dict() | {BEHIND: self.step},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; settings that are not as they were are in force, and said."""
        self.step = state["step"]
        self.losses = list(state["losses"])
        self._joint.load_state_dict(state["optimizer"])
        self._schedulers.load_state_dict(state["scheduler"])

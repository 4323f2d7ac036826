"""Schedulers of two optimizers as one object: those that count steps, and those that wait.

Most schedulers count steps or epochs. One that waits for a plateau counts validations, and looks
at one figure of each.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lightning_ebm.errors import SettingError
from lightning_ebm.optimizers.joint_optimizer import JointOptimizer
from lightning_ebm.resuming import CONFIGURED, class_name, differing, in_place_of, plain, say

BEHIND = "behind"
"""Where a saved state says how many steps, or epochs, of training are behind it."""


class JointScheduler:
    """Schedulers of a joint optimizer's parts, stepped and saved as one.

    Args:
        optimizer: the joint optimizer, where Lightning looks for it.
        schedulers: name of each network, and its scheduler, new; a network may have none.

    A network that something else steps in its optimizer's place keeps its rate meanwhile.

    Raises:
        SettingError: if one waits for a plateau of no figure.
    """

    def __init__(
        self, optimizer: JointOptimizer, schedulers: dict[str, LRScheduler | ReduceLROnPlateau]
    ) -> None:
        self.optimizer = optimizer
        self.schedulers = schedulers
        for name, scheduler in self.waiting.items():
            if not hasattr(scheduler, "monitor"):
                raise SettingError(
                    f"model.{name}_scheduler waits for a plateau of no figure: give "
                    "lightning.pytorch.cli.ReduceLROnPlateau with a monitor, e.g. val/nll"
                )
        self.configured = {name: _configuration(each) for name, each in schedulers.items()}
        self.begun = {
            name: [_kept(group) for group in part.param_groups]
            for name, part in optimizer.optimizers.items()
        }

    @property
    def waiting(self) -> dict[str, ReduceLROnPlateau]:
        """Those that count validations."""
        return {n: s for n, s in self.schedulers.items() if isinstance(s, ReduceLROnPlateau)}

    @property
    def counting(self) -> dict[str, LRScheduler]:
        """Those that count steps or epochs."""
        return {n: s for n, s in self.schedulers.items() if not isinstance(s, ReduceLROnPlateau)}

    def require_length(self, steps: int) -> None:
        """Raise `SettingError` if one, as OneCycleLR, has an end, and it comes before the run's.

        Args:
            steps: that it is to make.
        """
        for name, scheduler in self.schedulers.items():
            total = getattr(scheduler, "total_steps", None)
            if total is not None and total < steps:
                raise SettingError(
                    f"model.{name}_scheduler has total_steps {total}, but is stepped {steps} "
                    f"times: give it at least {steps}"
                )

    def step(self, epoch: object = None) -> None:
        """Step all that count steps; an argument, as torch allows one, says nothing.

        Raises:
            SettingError: if one has come to its end.
        """
        for name, scheduler in self.counting.items():
            if name in self.optimizer.instead:
                continue
            try:
                scheduler.step()
            except ValueError as refusal:
                raise SettingError(
                    f"model.{name}_scheduler cannot go on: {' '.join(str(refusal).split())}"
                ) from refusal

    def observe(self, metrics: Mapping[str, Tensor]) -> None:
        """Let those that wait for a plateau see a validation; a figure in doubt, NaN, is none.

        Raises:
            SettingError: if a figure to wait for is not among those of the first validation.
        """
        for name, scheduler in self.waiting.items():
            monitor = _monitor(scheduler)
            if monitor in metrics:
                if not math.isnan(value := float(metrics[monitor])):
                    scheduler.step(value)
            elif scheduler.last_epoch == 0:
                raise SettingError(
                    f"model.{name}_scheduler.monitor is '{monitor}', which this run does not "
                    f"measure: give one of {', '.join(sorted(metrics)) or 'none'}"
                )

    def state_dict(self) -> dict[str, Any]:
        """The state of each scheduler under its name, with the settings that it began under."""
        return {
            name: scheduler.state_dict() | {CONFIGURED: self.configured[name]}
            for name, scheduler in self.schedulers.items()
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the state of each scheduler, after that of the optimizer.

        One that is not what it was when it was saved begins anew and is stepped to the present,
        by as many steps as the state says are behind it. Where there is none any more, the rate
        is the optimizer's own again.
        """
        for name in self.optimizer.optimizers:
            saved = dict(state_dict.get(name, {}))
            then, now = saved.pop(CONFIGURED, None), self.configured.get(name)
            if saved and then is None:
                # Of a checkpoint that does not know its settings: taken to be those of now.
                like = (
                    now is not None and self.schedulers[name].state_dict().keys() == saved.keys()
                )
                then = now if like else then
            if then is None and now is None:
                continue
            if then == now and name not in self.optimizer.begun_anew:
                self.schedulers[name].load_state_dict(saved)
                continue
            if then != now:
                say(self._clauses(name, then, now))
            self._begin_anew(name, state_dict.get(BEHIND, 0))

    def _begin_anew(self, name: str, behind: int) -> None:
        for group, begun in zip(
            self.optimizer.optimizers[name].param_groups, self.begun[name], strict=True
        ):
            group.update(copy.deepcopy(begun))
        scheduler = self.schedulers.get(name)
        if scheduler is None or name in self.waiting:
            return
        try:
            with warnings.catch_warnings():
                # It would have optimizer steps come before.
                warnings.simplefilter("ignore")
                for _ in range(behind):
                    scheduler.step()
        except ValueError as refusal:
            raise SettingError(
                f"model.{name}_scheduler cannot be stepped to the checkpoint's {behind}: {refusal}"
            ) from refusal

    def _clauses(
        self, name: str, then: dict[str, Any] | None, now: dict[str, Any] | None
    ) -> list[str]:
        owner = f"{name}_scheduler"
        if then is None or now is None or then["class"] != now["class"]:
            return [in_place_of(owner, _short(now), _short(then))]
        changed = [key for key in differing(then, now) if not key.startswith("_")]
        if not changed and then["_last_lr"] == now["_last_lr"]:
            return [f"{owner} of other settings than the checkpoint's"]
        if now.get("base_lrs") == [g["lr"] for g in self.optimizer.configured[name]["groups"]]:
            # Which the optimizer says.
            changed = [key for key in changed if key != "base_lrs"]
        return [in_place_of(f"{owner} {key}", now[key], then[key]) for key in changed]


def _monitor(scheduler: ReduceLROnPlateau) -> str:
    """The figure that Lightning's scheduler waits for; torch's has none."""
    figure: str = getattr(scheduler, "monitor", "")
    return figure


def _configuration(scheduler: LRScheduler | ReduceLROnPlateau) -> dict[str, Any]:
    state: dict[str, Any] = plain(scheduler.state_dict())
    return {"class": class_name(type(scheduler))} | state


def _kept(group: dict[str, Any]) -> dict[str, Any]:
    return {k: copy.deepcopy(v) for k, v in group.items() if k not in {"params", "name"}}


def _short(configured: dict[str, Any] | None) -> str | None:
    return None if configured is None else configured["class"].rpartition(".")[2]

"""The two learners, energy and flow: how each is optimized, scheduled and clipped.

What they own is in their optimizers and schedulers, which Lightning saves and restores through
`JointOptimizer` and `JointScheduler`, the same in every process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lightning_ebm.errors import SettingError
from lightning_ebm.flows import Flow
from lightning_ebm.module.buffer_watch import BufferWatch
from lightning_ebm.module.companion import flow_step, spoilt
from lightning_ebm.module.recipes import without_unnamed
from lightning_ebm.needed import needed
from lightning_ebm.optimizers import BEHIND, JointOptimizer, JointScheduler, decay_layers_only
from lightning_ebm.problem import Problem
from lightning_ebm.sampler import Draw, Sampler

if TYPE_CHECKING:
    from lightning.pytorch.core.optimizer import LightningOptimizer
    from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

Mean = Callable[[Tensor], Tensor]


@dataclass
class Learners:
    """Recipes of two optimizers, by network: "energy" and "flow".

    Attributes:
        optimizers: make an optimizer of parameters.
        schedulers: make a learning-rate scheduler of an optimizer, or None.
        clips: largest gradient norms, or None for Trainer's.
        interval: whether schedulers step with every optimizer step or every epoch.
        flow_updates: flow steps per energy step, on the same draw.
        scheduler: the schedulers made last.
    """

    optimizers: dict[str, Callable[[Any], Optimizer]]
    schedulers: dict[str, Callable[[Optimizer], LRScheduler] | None]
    clips: dict[str, float | None]
    interval: str
    flow_updates: int
    scheduler: JointScheduler | None = field(default=None, init=False)

    def configure(
        self, energy: nn.Module, flow: Flow | None, sampler: Sampler
    ) -> OptimizerLRSchedulerConfig:
        """One optimizer that holds one per network that learns, and their schedulers likewise."""
        learning = {"energy": _learning(energy)}
        made = {"energy": self.optimizers["energy"](learning["energy"])}
        if sampler.teaches_flow:
            modules = [module for module in (flow, sampler) if module is not None]
            learning["flow"] = _learning(*modules)
            made["flow"] = self.of_flow(flow, learning["flow"])
        # Before schedulers change what it was made as.
        joint = JointOptimizer(made, learning)
        schedulers = {
            name: make(optimizer)
            for name, optimizer in made.items()
            if (make := self.schedulers[name]) is not None
        }
        # One without schedulers too: a resumed run is told there that it had some.
        self.scheduler = JointScheduler(joint, schedulers)
        # Trainer takes any scheduler that its hook knows how to step.
        scheduler = cast("LRScheduler", self.scheduler)
        return {
            "optimizer": joint,
            "lr_scheduler": {"scheduler": scheduler, "interval": self.interval},
        }

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Note in a checkpoint, for the schedulers, how far training has gone."""
        saved = (checkpoint.get("lr_schedulers") or [{}])[0]
        checkpoint["lr_schedulers"] = [saved | {BEHIND: self._behind(checkpoint)}]

    def require_validation(self, *, comes: bool) -> None:
        """Raise `SettingError` if a scheduler counts validations, and there are to be none."""
        for name in needed(self.scheduler).waiting if not comes else ():
            raise SettingError(
                f"model.{name}_scheduler is ReduceLROnPlateau, which counts validations, but "
                "there are none: give data to validate on and a trainer.limit_val_batches above "
                "0, or choose another scheduler"
            )

    def require_length(self, max_steps: int, max_epochs: int | None) -> None:
        """Raise `SettingError` if a scheduler comes to its end before the run does.

        Where the run ends by steps or by epochs, whichever come first, that is seen on the way.
        """
        by_epoch = self.interval == "epoch"
        counted, other = (max_epochs, max_steps) if by_epoch else (max_steps, max_epochs)
        if counted is not None and other == -1:
            needed(self.scheduler).require_length(counted)

    def _behind(self, checkpoint: dict[str, Any]) -> int:
        if self.interval == "step":
            return int(checkpoint.get("global_step", 0))
        loop = checkpoint.get("loops", {}).get("fit_loop")
        if loop is None:
            return int(checkpoint.get("epoch", 0))
        begun: int = loop["epoch_progress"]["current"]["ready"]
        return begun if loop["epoch_loop.batch_progress"]["is_last_batch"] else max(0, begun - 1)

    def __getstate__(self) -> dict[str, Any]:
        """All but functions without a name, which pickle cannot keep, and what is in use."""
        state = vars(self) | {"scheduler": None}
        for kind in ("optimizer", "scheduler"):
            recipes = state[f"{kind}s"]
            named = {f"{name}_{kind}": recipe for name, recipe in recipes.items()}
            state[f"{kind}s"] = dict(zip(recipes, without_unnamed(named).values(), strict=True))
        return state

    def of_flow(self, flow: Flow | None, parameters: list[nn.Parameter]) -> Optimizer:
        """A new optimizer of the flow."""
        optimizer = self.optimizers["flow"](parameters)
        return optimizer if flow is None else decay_layers_only(optimizer, flow)

    def clip(
        self,
        joint: JointOptimizer,
        default: float | None,
        clip_gradients: Callable[[Optimizer, float], None],
    ) -> None:
        """Clip each network by itself, so that neither's gradient shrinks the other's.

        One that its optimizer does not step is not clipped. One whose norm is not finite stays as
        it is, and the step refuses it: clipped it would be zero, or finite where it was infinite.
        """
        for name, part in joint.optimizers.items():
            if name in joint.instead:
                continue
            limit = default if self.clips[name] is None else self.clips[name]
            if limit is not None and _norm(part).isfinite():
                clip_gradients(part, limit)

    def teach_flow_again(
        self,
        sampler: Sampler,
        problem: Problem,
        draw: Draw,
        joint: JointOptimizer,
        mean: Mean,
        buffers: BufferWatch,
    ) -> None:
        """The flow's further steps on a draw from which it has made one.

        Args:
            sampler: gives the loss.
            problem: what was drawn from.
            draw: what was drawn.
            joint: has the flow's optimizer.
            mean: maps a tensor to its mean over processes.
            buffers: sees those of the flow overflow.
        """
        for _ in range(self.flow_updates - 1 if sampler.teaches_flow else 0):
            loss = sampler.flow_loss(problem, draw)
            if loss is not None:
                loss = spoilt(loss, buffers.overflowed())
                flow_step(loss, joint.optimizers["flow"], self.clips["flow"], mean)


def step_figures(joint: JointOptimizer) -> dict[str, Tensor | float]:
    """Each network's gradient norm, as it is now, and learning rate."""
    figures: dict[str, Tensor | float] = {}
    for name, part in joint.optimizers.items():
        figures[f"gradient_norm/{name}"] = _norm(part)
        if name not in joint.instead:
            figures[f"learning_rate/{name}"] = part.param_groups[0]["lr"]
    return figures


def unwrapped(optimizer: Optimizer | LightningOptimizer) -> JointOptimizer:
    """The joint optimizer inside Lightning's own wrapper, which is what hooks are given.

    Raises:
        TypeError: if it is another.
    """
    joint = getattr(optimizer, "optimizer", optimizer)
    if not isinstance(joint, JointOptimizer):
        raise TypeError(f"the optimizer is a {type(joint).__name__}, not the module's own")
    return joint


def _norm(optimizer: Optimizer) -> Tensor:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])


def _learning(*modules: nn.Module) -> list[nn.Parameter]:
    return [p for module in modules for p in module.parameters() if p.requires_grad]

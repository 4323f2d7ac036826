"""An optimizer step of two networks: optimizers, schedulers, clipping, what follows a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from lightning_ebm.module.companion import flow_step
from lightning_ebm.optimizers import JointOptimizer, JointScheduler, decay_layers_only


class OptimizationHooks:
    """The hooks of `EBMLightningModule` that make and step the optimizers."""

    def configure_optimizers(self) -> dict[str, Any]:
        """One optimizer object that holds one per network, and their schedulers likewise."""
        learners = {"energy": [p for p in self.energy.parameters() if p.requires_grad]}
        if self.sampler.teaches_flow:
            modules = [m for m in (self.flow, self.sampler) if m is not None]
            learners["flow"] = [p for m in modules for p in m.parameters() if p.requires_grad]
        optimizers = {k: self.optimizers_by_network[k](p) for k, p in learners.items()}
        if "flow" in optimizers and self.flow is not None:
            decay_layers_only(optimizers["flow"], self.flow)
        schedulers = {
            name: self.schedulers_by_network[name](optimizer)
            for name, optimizer in optimizers.items()
            if self.schedulers_by_network[name] is not None
        }
        joint = JointOptimizer(optimizers)
        if not schedulers:
            return {"optimizer": joint}
        scheduler = JointScheduler(joint, schedulers)
        return {
            "optimizer": joint,
            "lr_scheduler": {"scheduler": scheduler, "interval": self.scheduler_interval},
        }

    def lr_scheduler_step(self, scheduler: JointScheduler, metric: object | None) -> None:
        """Step both networks' schedulers."""
        scheduler.step(self.trainer.callback_metrics)

    def configure_gradient_clipping(
        self,
        optimizer: JointOptimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip each network by itself, so that neither's gradient shrinks the other's."""
        for name, part in _joint(optimizer).optimizers.items():
            limit = self.clips[name] if self.clips[name] is not None else gradient_clip_val
            if limit is not None:
                self.trainer.precision_plugin.clip_gradients(
                    part, limit, gradient_clip_algorithm or "norm"
                )

    def on_before_optimizer_step(self, optimizer: JointOptimizer) -> None:
        """Log each network's gradient norm, before clipping."""
        if self._logs_this_step():
            for name, part in _joint(optimizer).optimizers.items():
                gradients = [
                    p.grad for g in part.param_groups for p in g["params"] if p.grad is not None
                ]
                self.log(f"gradient_norm/{name}", nn.utils.get_total_norm(gradients))
                self.log(f"learning_rate/{name}", part.param_groups[0]["lr"])

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: JointOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Step both networks, give the flow its extra steps, update the moving average."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self.sampler.teaches_flow:
            for _ in range(self.flow_updates - 1):
                flow_step(
                    self.sampler.flow_loss(self.latest_problem, self.latest_draw),
                    _joint(optimizer).optimizers["flow"],
                    self.clips["flow"],
                    self._mean_over_processes,
                )
        self.latest_problem = None
        if self.average is not None:
            self.average.update_parameters(self.energy)
        self.mark_random_state()

    def _mean_over_processes(self, tensor: Tensor) -> Tensor:
        return self.trainer.strategy.reduce(tensor, reduce_op="mean")

    def _logs_this_step(self) -> bool:
        return (self.global_step + 1) % self.trainer.log_every_n_steps == 0


def moving_average(energy: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a network's weights, short at first.

    Args:
        energy: the network.
        decay: the weight that an average keeps, once it has run for long.
    """

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], n: Tensor) -> None:
        # Early on the average is short, or the first weights would weigh on it for 1/(1-decay)
        # steps and more.
        weight = 1 - torch.minimum(
            torch.full_like(n, decay, dtype=torch.float64), (1 + n) / (10 + n)
        )
        torch._foreach_lerp_(averaged, current, weight.item())

    return AveragedModel(energy, multi_avg_fn=update).requires_grad_(False)


def _joint(optimizer: JointOptimizer) -> JointOptimizer:
    # Lightning hands hooks its own wrapper around the optimizer.
    return getattr(optimizer, "optimizer", optimizer)

"""Lightning's hooks before the first step: what is refused, fitted to data, seeded, pre-trained.

`prepare_data`, `setup`, `configure_optimizers` and `on_fit_start` begin a run, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor

from lightning_ebm.checkpoints.stopping import StopSafely
from lightning_ebm.checkpoints.stopping_early import StopInPretraining
from lightning_ebm.module.data_order import DataOrder
from lightning_ebm.module.lean_trainer import make_lean
from lightning_ebm.module.looking_hooks import EvaluatedByLightning
from lightning_ebm.module.one_run import require_one_run
from lightning_ebm.module.preparation import (
    Preparation,
    first_points,
    fit_to_data,
    refuse_half_precision,
)
from lightning_ebm.module.resumption import Resumption
from lightning_ebm.module.settings import check_trainer
from lightning_ebm.needed import needed
from lightning_ebm.random_state import isolated

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig


class PreparedByLightning(EvaluatedByLightning):
    """What `EBMLightningModule` does where Trainer begins a run.

    Attributes:
        data_order: of training.
        preparation: the flow's training before the first step.
        resumption: what differs from the checkpoint that training goes on from.
    """

    data_order: DataOrder
    preparation: Preparation
    resumption: Resumption

    def prepare_data(self) -> None:
        """Refuse to be one of several runs that were meant as one."""
        require_one_run(self.trainer.world_size)

    def configure_callbacks(self) -> list[Callback]:
        """Have every Trainer write checkpoints whole, and save the last step of a run."""
        return [StopSafely()]

    def setup(self, stage: str) -> None:
        """Fit standardisations and the Gaussian to data, unless that is done."""
        if stage == "fit":
            check_trainer(self.trainer)
            make_lean(self.trainer, self, stage)
            # What callbacks and validation have drawn since the last step does not count.
            self.data_order.attach(self.trainer, lambda: self.negative_phase.stream)
        if stage == "fit" and not self.prepared:
            with isolated():
                data = first_points(self._points_of_one_pass())
            fit_to_data(data, self.energy, self.reference, self.flow)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """One optimizer object that holds one per network, and their schedulers likewise."""
        return self.learners.configure(self.energy, self.flow, self.sampler)

    def on_fit_start(self) -> None:
        """Go on with the random state of a resumed run; in a new one seed, and pre-train."""
        seed = torch.initial_seed()
        self.learners.require_validation(comes=self.trainer.enable_validation)
        self.learners.require_length(self.trainer.max_steps, self.trainer.max_epochs)
        self.resumption.say()
        self.data_order.begin(self.trainer.strategy.broadcast(seed), self.global_rank)
        self.negative_phase.begin(seed, self.global_rank)
        if not self.prepared:
            self._pretrain_flow()
            self.prepared.fill_(True)
        self.negative_phase.mark()
        refuse_half_precision(self.energy, self.sampler)

    def _pretrain_flow(self) -> None:
        if self.preparation.n_steps == 0:
            return
        flow = needed(self.flow)
        shows = self.trainer.is_global_zero and self.trainer.progress_bar_callback is not None
        with StopInPretraining(self.trainer) as stop:
            loss = self.preparation.pretrain(
                flow,
                self._points_here,
                lambda parameters: self.learners.of_flow(flow, parameters),
                self.learners.clips["flow"],
                self._mean_over_processes,
                stop.after,
                progress=shows,
            )
        if self.frozen_flow is not None:
            self.frozen_flow.take(flow)
        for logger in self.loggers:
            logger.log_metrics({"flow_pretraining/loss": loss}, step=0)

    def _mean_over_processes(self, tensor: Tensor) -> Tensor:
        return self.trainer.strategy.reduce(tensor, reduce_op="mean")

    def _points_of_one_pass(self) -> Iterator[Tensor]:
        for batch in self.data_order.one_pass(self.trainer):
            yield self.points(batch)

    def _points_here(self) -> Iterator[Tensor]:
        for x in self._points_of_one_pass():
            yield move_data_to_device(x.to(self.reference.mean.dtype), self.device)

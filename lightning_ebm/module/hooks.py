"""Lightning's hooks of training steps and checkpoints, at one sight: which part does what when.

Parts know nothing of Trainer, but for the data order, which works inside it.

A batch: `training_step` → negative phase draws → objective → optimizer step of the learners.
A chain: lives in the sampler, is drawn by the negative phase, saved by it for its process.
Data: Lightning loads them, through loaders that the data order has made resumable.
A checkpoint: Lightning saves networks and optimizers; parts add each process's own, and the seed
of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.utilities import GradClipAlgorithmType
from torch import Tensor
from torch.optim import Optimizer

from lightning_ebm.errors import NotFiniteError
from lightning_ebm.module.accumulation import Accumulation
from lightning_ebm.module.buffer_watch import BufferWatch
from lightning_ebm.module.divergence import recover
from lightning_ebm.module.lean_trainer import ON_THE_BAR
from lightning_ebm.module.learners import step_figures, unwrapped
from lightning_ebm.module.preparation import first_points
from lightning_ebm.module.preparing_hooks import PreparedByLightning
from lightning_ebm.module.process_state import pack, shared_state, unpack
from lightning_ebm.module.progress import as_after_last_batch
from lightning_ebm.module.settling import Settling
from lightning_ebm.module.training_figures import training_figures
from lightning_ebm.needed import needed
from lightning_ebm.networks import bare
from lightning_ebm.objectives import Objective
from lightning_ebm.random_state import isolated
from lightning_ebm.undeclared import undeclared

if TYPE_CHECKING:
    from lightning.pytorch.core.optimizer import LightningOptimizer


class TrainedByLightning(PreparedByLightning):
    """What `EBMLightningModule` does for Trainer, through its parts.

    Attributes:
        objective: what the energy minimises.
        accumulation: of gradients, where several batches make a step.
        buffer_watch: sees what overflows of the networks' buffers.
        settling: moves the energy in its optimizer's place, once it has begun.
    """

    objective: Objective
    accumulation: Accumulation
    buffer_watch: BufferWatch
    settling: Settling

    # A step of training.

    def on_train_start(self) -> None:
        """Stand where a resumed run stood."""
        self.buffer_watch.begin(self.watched)
        self.data_order.say_what_is_lost(self.trainer)
        self.accumulation.put_back(self)
        self.settling.go_on(self.global_step)
        self._let_settle()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Begin the last stretch, if it is due."""
        if not self.settling.due(self.global_step):
            return
        bare(self.energy).load_state_dict(self.evaluated_energy.state_dict())
        with isolated():
            data = first_points(self._points_here())
        self.settling.begin(self.energy, data, self.global_step)
        self._let_settle()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:  # noqa: ANN401 - anybody's data
        """Draw x⁻, and return the sum of the two networks' losses, which share no parameter."""
        x = self.points(batch)
        problem = self.problem(x)
        draw = self.negative_phase.draw(
            self.sampler, problem, self.n_chains or len(x), first=self.global_step == 0
        )
        loss = self.objective(self.tilted().energies, x, draw.x)
        flow_loss = self.sampler.flow_loss(problem, draw) if self.sampler.teaches_flow else None
        total = loss.value if flow_loss is None else loss.value + flow_loss
        overflowed = self.buffer_watch.overflowed()
        finite = bool(total.isfinite()) and not overflowed
        if not finite:
            self.recovery.blame(
                {
                    "the batch of data": x,
                    "energy of data": loss.data,
                    "energy of samples": loss.samples,
                    "loss of the flow": flow_loss,
                },
                overflowed,
            )
        if self._logs_this_step():
            tilts_flow = self.base_flow is not None
            figures = training_figures(loss, flow_loss, draw, self.temperature, tilts_flow)
            # All processes log or none does, whose loss is finite or not.
            for name, value in figures.items():
                self.log(name, value, sync_dist=True, prog_bar=name in ON_THE_BAR)
        # Gradients that are not finite reach all processes, which then act alike.
        return total if finite else total * torch.nan

    def on_after_backward(self) -> None:
        """A batch has drawn what it draws, and its gradients wait for their step."""
        if self.trainer.fit_loop._should_accumulate():
            self.negative_phase.mark()
        self.accumulation.waits = True

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Log each network's gradient norm, before clipping."""
        if self._logs_this_step():
            self.log_dict(step_figures(unwrapped(optimizer)))
            if self.settling.begun is not None:
                self.log("settling/gain", self.settling.gain(self.global_step))

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip each network by itself."""
        clip = self.trainer.precision_plugin.clip_gradients
        algorithm = GradClipAlgorithmType(gradient_clip_algorithm or "norm")
        self.learners.clip(
            unwrapped(optimizer), gradient_clip_val, lambda part, to: clip(part, to, algorithm)
        )

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Step both networks, give the flow its extra steps, update the moving average."""
        phase, joint = self.negative_phase, unwrapped(optimizer)
        self.recovery.watch(self.global_step, self.changing, joint)
        try:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
            problem, draw = needed(phase.problem), needed(phase.latest)
            self.learners.teach_flow_again(
                self.sampler, problem, draw, joint, self._mean_over_processes, self.buffer_watch
            )
        except NotFiniteError as failure:
            recover(self, joint, failure)
            self.buffer_watch.begin(self.watched)
        else:
            if self.average is not None:
                self.average.update_parameters(bare(self.energy))
        self.accumulation.waits = False
        phase.problem = None
        phase.mark()

    def lr_scheduler_step(self, scheduler: object, metric: object | None) -> None:
        """Step both networks' schedulers, which are what Trainer has for one."""
        needed(self.learners.scheduler).step()

    def on_fit_end(self) -> None:
        """The stream ends with training."""
        self.negative_phase.end()
        self.data_order.detach(self.trainer)

    # Checkpoints.

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the sampler and all else that is each process's own, and the seeds."""
        phase = self.negative_phase
        own = {"random": phase.state(), "gradients": self.accumulation.state(self)}
        own |= self.preparation.own_state()
        shared = self.data_order.save(checkpoint, self.trainer) | {"seed": phase.seed}
        shared |= self.normaliser.state() | self.preparation.shared_state()
        shared |= self.settling.state()
        pack(checkpoint, self.sampler, own, shared)
        self.resumption.save(checkpoint, self.trainer.gradient_clip_val)
        self.recovery.save(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up this process's own, unless the networks do not fit; mend what misleads."""
        attached = self._trainer is not None
        if attached:
            as_after_last_batch(checkpoint, counts_steps=self.trainer.max_steps != -1)
        clip = self.trainer.gradient_clip_val if attached else None
        self.resumption.load(checkpoint, self, clip, strict=attached and self.strict_loading)
        self.learners.load(checkpoint)
        shared = shared_state(checkpoint)
        self.data_order.load(shared)
        self.normaliser.load(shared)
        self.settling.load(shared)
        own = unpack(checkpoint, self.sampler, self.global_rank)
        step = checkpoint.get("global_step", 0)
        self.negative_phase.take_up(own.get("random"), shared.get("seed"), step)
        self.accumulation.resumed = own.get("gradients", {})
        self.preparation.load(shared, own)
        self.recovery.load(checkpoint)

    # What the hooks ask of Trainer.

    def _let_settle(self) -> None:
        if self.settling.begun is not None:
            unwrapped(self.trainer.optimizers[0]).instead["energy"] = lambda: self.settling.step(
                self.energy, self.temperature, self.global_step
            )

    def _logs_this_step(self) -> bool:
        interval = undeclared(self.trainer).log_every_n_steps
        return interval > 0 and (self.global_step + 1) % interval == 0

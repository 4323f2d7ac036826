"""`EBMLightningModule`: trains an energy and its companion flow on whatever a sampler draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal

import lightning as L
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from lightning_ebm.base_measure import FrozenFlow, GaussianBase
from lightning_ebm.batches import points_of
from lightning_ebm.checked_draw import checked_draw
from lightning_ebm.checkpoints.reading import open_checkpoint
from lightning_ebm.energies import Energy
from lightning_ebm.evaluation.measures import Measure, default_measures
from lightning_ebm.flows import Flow
from lightning_ebm.module.chain_watch import ChainWatch
from lightning_ebm.module.evaluation import EvaluationHooks
from lightning_ebm.module.optimization import OptimizationHooks, moving_average
from lightning_ebm.module.preparation import PreparationHooks
from lightning_ebm.module.process_state import ProcessStateHooks
from lightning_ebm.module.settings import check_settings, save_settings
from lightning_ebm.objectives import (
    difference_penalty,
    gradient_penalty,
    likelihood_loss,
    magnitude_penalty,
)
from lightning_ebm.problem import Problem, Tilt
from lightning_ebm.sampler import Draw, Sampler


class EBMLightningModule(
    PreparationHooks, OptimizationHooks, ProcessStateHooks, EvaluationHooks, L.LightningModule
):
    """An energy-based model p(x) ∝ exp(-E(x)/T) b(x), trained by maximum likelihood.

    Each step draws x⁻ from the model with the sampler, descends mean E(x⁺) - mean E(x⁻) in the
    energy and the sampler's own loss in the flow, and steps both networks: one batch is one step.

    Args:
        energy: maps points `(n, *event)` to one number each; any module without batch coupling.
        sampler: draws the negative samples; in YAML a name that `lightning samplers` lists.
        flow: the companion flow, for samplers that use one.
        base: what the energy tilts: "gaussian" (fitted to data), "flow" (a frozen copy of the
            pre-trained flow) or "none".
        base_widening: factor on the Gaussian's standard deviations.
        temperature: T. Practice that scales gradient and noise apart (x' = x - s∇E + nξ) samples
            at T = n²/(2s); give that T here, and n²/2 as the sampler's step size.
        n_chains: negative samples per step and process; by default as many as data in the batch.
        difference_penalty: λ in λ (mean E(x⁺) - mean E(x⁻))², which holds back energies that run
            away from chains that do not follow them, and moves no weights. Below a difference of
            -1/2λ training turns about: choose λ so small that an honest fit does not go there.
        magnitude_penalty: λ in λ (mean E(x⁺)² + mean E(x⁻)²), which moves the weights of modes
            and can lose rare ones: `lightning_ebm.objectives.magnitude_penalty` says how.
        gradient_penalty: γ in γ (mean ‖∇E(x⁺)‖² + mean ‖∇E(x⁻)‖²), which does not move the weights
            of modes far apart, as a penalty on the energies themselves does.
        energy_optimizer: of the energy.
        flow_optimizer: of the flow, and of a sampler's own parameters if it has any. Weight decay
            spares the flow's base and its biases.
        energy_scheduler: learning-rate scheduler of the energy.
        flow_scheduler: learning-rate scheduler of the flow.
        scheduler_interval: whether schedulers step with every optimizer step or every epoch.
        energy_clip: largest gradient norm of the energy, in place of Trainer's gradient_clip_val.
        flow_clip: the same for the flow.
        energy_average: decay of an exponential moving average of the energy's weights, which is
            then what is evaluated; null for none.
        flow_pretraining: steps of maximum likelihood on data that the flow gets before training.
        flow_pretraining_scheduler: learning-rate scheduler of these steps, one step each.
        flow_updates: flow steps per energy step, on the same draw.
        n_samples: fresh samples that test and predict draw.
        evaluation_draws: draws of the sampler that a fresh chain runs through; up to 16 times
            as many while chains do not agree.
        log_z_draws: draws of the flow from which test and validation estimate log Z; a tenth of
            them while training waits.
        annealing_steps: where no flow has learned, steps of the annealed path from which test
            and validate estimate log Z, 0 for no estimate; where one has, and is far from the
            model, of the path from it that questions the ladder.
        ladder_rounds: where the flow's weighted draws are worth little and the sampler does not
            temper itself, rounds of the ladder from flow to model by which test and validate find
            log Z and class weights; 0 for none.
        search_steps: steps of the chains that look, from noise, data and flow, for mass of the
            model that log Z may have missed; a tenth of them while training waits; 0 for none.
        measures: what is measured in validation and test; by default all that applies.

    Raises:
        SettingError: if the settings do not fit together.
    """

    def __init__(
        self,
        energy: Energy,
        sampler: Sampler,
        flow: Flow | None = None,
        base: Literal["gaussian", "flow", "none"] = "gaussian",
        base_widening: float = 1.0,
        temperature: float = 1.0,
        n_chains: int | None = None,
        difference_penalty: float = 0.0,
        magnitude_penalty: float = 0.0,
        gradient_penalty: float = 0.0,
        energy_optimizer: OptimizerCallable = lambda p: torch.optim.Adam(p, lr=1e-3),
        flow_optimizer: OptimizerCallable = lambda p: torch.optim.Adam(p, lr=1e-3),
        energy_scheduler: LRSchedulerCallable | None = None,
        flow_scheduler: LRSchedulerCallable | None = None,
        scheduler_interval: Literal["step", "epoch"] = "step",
        energy_clip: float | None = None,
        flow_clip: float | None = 5.0,
        energy_average: float | None = 0.999,
        flow_pretraining: int = 0,
        flow_pretraining_scheduler: LRSchedulerCallable | None = None,
        flow_updates: int = 1,
        n_samples: int = 512,
        evaluation_draws: int = 20,
        log_z_draws: int = 10_000,
        annealing_steps: int = 100,
        ladder_rounds: int = 400,
        search_steps: int = 1000,
        measures: list[Measure] | None = None,
    ) -> None:
        super().__init__()
        settings = {k: v for k, v in locals().items() if k not in {"self", "__class__"}}
        save_settings(self, settings)
        check_settings(settings)
        self.energy = energy
        self.sampler = sampler
        self.flow = Flow(flow) if flow is not None and not isinstance(flow, Flow) else flow
        self.reference = GaussianBase(base_widening)
        self.frozen_flow = FrozenFlow(self.flow) if base == "flow" else None
        self.base = {"gaussian": self.reference, "flow": self.frozen_flow, "none": None}[base]
        self.temperature = temperature
        self.n_chains = n_chains
        self.difference_penalty = difference_penalty
        self.magnitude_penalty = magnitude_penalty
        self.gradient_penalty = gradient_penalty
        self.optimizers_by_network = {"energy": energy_optimizer, "flow": flow_optimizer}
        self.schedulers_by_network = {"energy": energy_scheduler, "flow": flow_scheduler}
        self.scheduler_interval = scheduler_interval
        self.clips = {"energy": energy_clip, "flow": flow_clip}
        self.flow_pretraining = flow_pretraining if sampler.uses_flow or base == "flow" else 0
        self.flow_pretraining_scheduler = flow_pretraining_scheduler
        self.flow_updates = flow_updates
        self.n_samples = n_samples
        self.evaluation_draws = evaluation_draws
        self.log_z_draws = log_z_draws
        self.annealing_steps = annealing_steps
        self.ladder_rounds = ladder_rounds
        self.search_steps = search_steps
        self.measures = default_measures() if measures is None else measures
        self.average = None if energy_average is None else moving_average(energy, energy_average)
        if self.flow is not None and not sampler.teaches_flow:
            self.flow.requires_grad_(False)
        self.register_buffer("prepared", torch.tensor(False))
        self.latest_problem: Problem | None = None
        self.latest_draw: Draw | None = None
        self.chain_watch = ChainWatch()
        self.remarks = []

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: str | Path | IO[bytes],
        *args: Any,  # noqa: ANN401 - Lightning's signature
        weights_only: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> EBMLightningModule:
        """Lightning's, but no code of the file runs unless `weights_only=False` asks for that.

        Raises:
            SettingError: if the file is no checkpoint of this library, or is at an address.
        """
        if weights_only and isinstance(checkpoint_path, (str, Path)):
            open_checkpoint(checkpoint_path, "checkpoint_path")
        return super().load_from_checkpoint(
            checkpoint_path, *args, weights_only=weights_only, **kwargs
        )

    @property
    def base_flow(self) -> Flow | None:
        """The flow that the energy tilts, if it tilts one."""
        return None if self.frozen_flow is None else self.frozen_flow.flow

    def log_density(self, x: Tensor, energy: nn.Module | None = None) -> Tensor:
        """The model's unnormalised log-density -E(x)/T + log b(x), `(n, *event)` to `(n,)`.

        Args:
            x: points.
            energy: the network to use; by default the one that is trained.
        """
        return self._log_density(energy or self.energy)(x)

    def _log_density(self, energy: nn.Module) -> Callable[[Tensor], Tensor]:
        def tilt(x: Tensor) -> Tensor:
            return -energies(energy, x) / self.temperature

        if self.base is None:
            return tilt
        return Tilt(tilt, self.base_flow or self.base)

    def problem(self, data: Tensor | None = None, energy: nn.Module | None = None) -> Problem:
        """What a sampler is asked to sample.

        A sampler that does not teach the flow is given the base flow itself, where there is one:
        the target is a tilt of the very flow that it proposes from or pulls back through.
        """
        energy = energy or self.energy
        networks = [energy, self.flow, self.frozen_flow]
        flow = self.flow if self.sampler.teaches_flow else self.base_flow or self.flow
        return Problem(
            log_density=self._log_density(energy),
            event_shape=tuple(self.reference.mean.shape),
            reference=self.reference,
            proposal=flow,
            flow=flow,
            data=data,
            networks=tuple(network for network in networks if network is not None),
        )

    def points(self, batch: Any) -> Tensor:  # noqa: ANN401 - anybody's data
        """The points of a batch: a tensor or array, or a sequence that begins with one."""
        return points_of(batch, self.reference.mean)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:  # noqa: ANN401 - anybody's data
        """Draw x⁻, and return the sum of the two networks' losses, which share no parameter."""
        x = self.points(batch)
        problem = self.latest_problem = self.problem(x)
        draw = self.latest_draw = checked_draw(
            self.sampler, problem, self.n_chains or len(x), first=self.global_step == 0
        )
        self.chain_watch.see(draw)
        steep = self.gradient_penalty > 0
        both = [points.detach().requires_grad_(steep) for points in (x, draw.x)]
        values = energies(self.energy, torch.cat(both))
        energy_data, energy_samples = values.split([len(x), len(draw.x)])
        loss = likelihood_loss(energy_data, energy_samples)
        if self.difference_penalty:
            penalty = difference_penalty(energy_data, energy_samples)
            loss = loss + self.difference_penalty * penalty
        if self.magnitude_penalty:
            penalty = magnitude_penalty(energy_data, energy_samples)
            loss = loss + self.magnitude_penalty * penalty
        if self.gradient_penalty:
            loss = loss + self.gradient_penalty * gradient_penalty(values, *both)
        flow_loss = self.sampler.flow_loss(problem, draw) if self.sampler.teaches_flow else None
        total = loss if flow_loss is None else loss + flow_loss
        self._stop_if_diverged(total, energy_data, energy_samples, flow_loss)
        if self._logs_this_step():
            scalars = {
                "energy/data": energy_data.mean(),
                "energy/samples": energy_samples.mean(),
                "energy/difference": energy_data.mean() - energy_samples.mean(),
                "loss/energy": loss,
            } | {f"sampler/{key}": value for key, value in draw.info.items()}
            if flow_loss is not None:
                scalars["loss/flow"] = flow_loss
            if self.base_flow is not None and "log_z" in draw.info:
                # Of this batch, by log Z of this very draw: neither lags behind the energy.
                gain = -energy_data / self.temperature - draw.info["log_z"]
                error = draw.info["log_z_standard_error"].square() + gain.var() / len(gain)
                scalars["likelihood/over_flow"] = gain.mean()
                scalars["likelihood/over_flow_standard_error"] = error.sqrt()
            self.log_dict({k: v.detach().float() for k, v in scalars.items()}, sync_dist=True)
        return total

    def _stop_if_diverged(self, total: Tensor, *parts: Tensor | None) -> None:
        if not total.isfinite():
            names = ["energy of data", "energy of samples", "loss of the flow"]
            pairs = zip(names, parts, strict=True)
            culprits = [n for n, part in pairs if part is not None and not part.isfinite().all()]
            raise FloatingPointError(
                f"training diverged at step {self.global_step}: not finite: "
                f"{', '.join(culprits) or 'the sum of the losses'}. Resume from the last "
                "checkpoint with a lower learning rate, a smaller step_size, model.energy_clip or "
                "model.difference_penalty"
            )


def energies(energy: nn.Module, x: Tensor) -> Tensor:
    """Energies `(n,)` of a network that gives shape `(n,)` or `(n, 1)`."""
    values = energy(x)
    return values.squeeze(1) if values.dim() == 2 else values

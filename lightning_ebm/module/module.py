"""`EBMLightningModule`: trains an energy and its companion flow on whatever a sampler draws."""

from __future__ import annotations

from typing import Literal

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities import AttributeDict

from lightning_ebm.base_measure import FrozenFlow, GaussianBase
from lightning_ebm.energies import AnyEnergy
from lightning_ebm.evaluation.measures import Measure, default_measures
from lightning_ebm.flows import AnyFlow, as_flow
from lightning_ebm.module.accumulation import Accumulation
from lightning_ebm.module.buffer_watch import BufferWatch
from lightning_ebm.module.data_order import DataOrder
from lightning_ebm.module.evaluation import Evaluation
from lightning_ebm.module.hooks import TrainedByLightning
from lightning_ebm.module.hyperparameters import chosen
from lightning_ebm.module.keys import name_plainly
from lightning_ebm.module.learners import Learners
from lightning_ebm.module.moving_average import MovingAverage
from lightning_ebm.module.negative_phase import NegativePhase
from lightning_ebm.module.normaliser import Normaliser
from lightning_ebm.module.preparation import Preparation
from lightning_ebm.module.recovery import Recovery
from lightning_ebm.module.resumption import Resumption
from lightning_ebm.module.settings import check_settings, save_settings
from lightning_ebm.module.settling import Settling
from lightning_ebm.needed import needed
from lightning_ebm.networks import bare
from lightning_ebm.objectives import Objective
from lightning_ebm.ranges import require_shape
from lightning_ebm.sampler import Sampler


class EBMLightningModule(TrainedByLightning):
    """An energy-based model p(x) ∝ exp(-E(x)/T) b(x), trained by maximum likelihood.

    Each step draws x⁻ from the model with the sampler, descends mean E(x⁺) - mean E(x⁻) in the
    energy and the sampler's own loss in the flow, and steps both networks: one batch is one step.

    Args:
        energy: maps points `(n, *event)` to one number each; any module without batch coupling.
        sampler: draws the negative samples; in YAML a name that `lightning samplers` lists.
        flow: the companion flow, for samplers that use one; of this library, of normflows, or of
            zuko.
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
        settle_from: step from which all of the energy stands still but its last layer, which
            settles to where likelihood is highest, by steps that become ever smaller; null for
            never. Chains lag behind an energy that moves, and so do weights of modes and classes:
            here they are made good, where chains mix.
        settle_components: directions in which it may move: principal components, over data, of
            the energy's gradient in the last layer.
        flow_pretraining: steps of maximum likelihood on data that the flow gets before training.
        flow_pretraining_scheduler: learning-rate scheduler of these steps, one step each.
        flow_updates: flow steps per energy step, on the same draw.
        on_divergence: what follows a step that is not finite, which is never taken: "stop", with
            the latest good state saved; or "rollback" to a state some dozens of steps back, with
            learning rates halved and new random numbers.
        most_rollbacks: times that a run goes back before it stops.
        n_samples: fresh samples that test and predict draw, all processes together.
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
        energy: AnyEnergy,
        sampler: Sampler,
        flow: AnyFlow | None = None,
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
        settle_from: int | None = None,
        settle_components: int = 20,
        flow_pretraining: int = 0,
        flow_pretraining_scheduler: LRSchedulerCallable | None = None,
        flow_updates: int = 1,
        on_divergence: Literal["stop", "rollback"] = "stop",
        most_rollbacks: int = 5,
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
        self.flow = None if flow is None else as_flow(flow)
        shape = getattr(bare(energy), "event_shape", ())
        if shape != ():
            shape = require_shape("model.energy.event_shape", shape)
        self.reference = GaussianBase(base_widening, shape)
        self.frozen_flow = FrozenFlow(needed(self.flow)) if base == "flow" else None
        self.base = {"gaussian": self.reference, "flow": self.frozen_flow, "none": None}[base]
        self.temperature = temperature
        self.average = (
            None if energy_average is None else MovingAverage(bare(energy), energy_average)
        )
        self.n_chains = n_chains
        self.objective = Objective(difference_penalty, magnitude_penalty, gradient_penalty)
        self.learners = Learners(
            optimizers={"energy": energy_optimizer, "flow": flow_optimizer},
            schedulers={"energy": energy_scheduler, "flow": flow_scheduler},
            clips={"energy": energy_clip, "flow": flow_clip},
            interval=scheduler_interval,
            flow_updates=flow_updates,
        )
        self.preparation = Preparation(
            flow_pretraining if sampler.uses_flow or base == "flow" else 0,
            flow_pretraining_scheduler,
        )
        self.settling = Settling(settle_from, settle_components)
        self.negative_phase = NegativePhase()
        self.data_order = DataOrder()
        self.accumulation = Accumulation()
        self.resumption = Resumption()
        self.buffer_watch = BufferWatch()
        self.on_divergence = on_divergence
        self.recovery = Recovery(most_rollbacks)
        self.evaluation = Evaluation(
            n_samples,
            evaluation_draws,
            log_z_draws,
            annealing_steps,
            ladder_rounds,
            search_steps,
            default_measures() if measures is None else measures,
        )
        self.normaliser = Normaliser()
        if self.flow is not None and not sampler.teaches_flow:
            self.flow.requires_grad_(False)
        # A number, for callbacks that average weights may average buffers too.
        self.register_buffer("prepared", torch.zeros(()))
        name_plainly(self)

    @property
    def hparams_initial(self) -> AttributeDict:
        """What loggers are told: what was chosen, sampler and learning rates among it."""
        parts = {"sampler": self.sampler, "energy": self.energy, "flow": self.flow}
        return AttributeDict(chosen(self.hparams, parts, self.learners.optimizers))

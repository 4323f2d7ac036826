"""The model without training: its networks, the density that they make, fresh draws of it."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Self

import lightning as L
import torch
from torch import Tensor, nn

from lightning_ebm.base_measure import FrozenFlow, GaussianBase
from lightning_ebm.batches import points_of
from lightning_ebm.checkpoints.constructing import require_arguments
from lightning_ebm.checkpoints.opening import open_checkpoint
from lightning_ebm.evaluation.evidence import LabelledData, StoredData
from lightning_ebm.evaluation.fresh_chains import FreshChains
from lightning_ebm.flows import Flow
from lightning_ebm.metrics.known_density import KnownDensity
from lightning_ebm.module.density import ModelDensity
from lightning_ebm.module.evaluation import Evaluation, Subject
from lightning_ebm.module.moving_average import MovingAverage
from lightning_ebm.module.negative_phase import NegativePhase
from lightning_ebm.module.recovery import Recovery
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_count
from lightning_ebm.sampler import Draw, Sampler
from lightning_ebm.undeclared import undeclared


class EnergyBasedModel(L.LightningModule):
    """The networks of `EBMLightningModule`, whose constructor sets them, as one density.

    The networks belong to the module, so that its `state_dict` is that of the networks and that
    they can be exchanged; parts are handed what they work on.

    Attributes:
        energy: E.
        flow: the companion flow, or None.
        sampler: draws from the model.
        reference: a Gaussian fitted to data.
        frozen_flow: the copy of the flow that the energy tilts, or None.
        base: what the energy tilts: one of the two above, or None.
        average: the moving average of the energy, or None.
        temperature: T.
        prepared: a buffer: whether all is fitted that is fitted before the first step.
        negative_phase: of training.
        recovery: states that training goes back to where a step is not finite.
        on_divergence: "rollback" to go on from there, or "stop".
        evaluation: how the model is looked at.
    """

    energy: nn.Module
    flow: Flow | None
    sampler: Sampler
    reference: GaussianBase
    frozen_flow: FrozenFlow | None
    base: GaussianBase | FrozenFlow | None
    average: MovingAverage | None
    temperature: float
    prepared: Tensor
    negative_phase: NegativePhase
    recovery: Recovery
    on_divergence: str
    evaluation: Evaluation
    _knows_shape: bool = False

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: str | Path | IO[Any],
        map_location: Any = None,  # noqa: ANN401 - Lightning's signature
        hparams_file: str | Path | None = None,
        strict: bool | None = None,  # noqa: FBT001
        weights_only: bool | None = True,  # noqa: FBT001, FBT002
        **kwargs: Any,  # noqa: ANN401
    ) -> Self:
        """Lightning's, but no code of the file runs unless `weights_only=False` asks for that.

        Raises:
            SettingError: if the file is no checkpoint of this library, or is at an address; or if
                the module was made in Python and its networks are not given here; or if something
                is given that its constructor does not take.
        """
        if weights_only and isinstance(checkpoint_path, (str, Path)):
            saved = open_checkpoint(checkpoint_path, "checkpoint_path")
            known = set(saved.get(cls.CHECKPOINT_HYPER_PARAMS_KEY, {}))
            require_arguments(cls, checkpoint_path, saved, known, kwargs)
        return super().load_from_checkpoint(
            checkpoint_path,
            map_location=map_location,
            hparams_file=hparams_file,
            strict=strict,
            weights_only=weights_only,
            **kwargs,
        )

    @property
    def changing(self) -> dict[str, nn.Module]:
        """Networks and chains that training changes, by name."""
        found = {"energy": self.energy, "average": self.average, "sampler": self.sampler}
        if self.sampler.teaches_flow or _has_buffers(self.flow):
            found["flow"] = self.flow
        return {name: module for name, module in found.items() if module is not None}

    @property
    def watched(self) -> dict[str, nn.Module | None]:
        """Networks whose buffers may change in training, by name."""
        return {"energy": self.energy, "flow": self.flow}

    @property
    def base_flow(self) -> Flow | None:
        """The flow that the energy tilts, if it tilts one."""
        return None if self.frozen_flow is None else self.frozen_flow.flow

    @property
    def evaluated_energy(self) -> nn.Module:
        """The energy that is evaluated: the moving average once it has begun."""
        average = self.average
        begun = average is not None and average.n_averaged > 0
        return average.module if average is not None and begun else self.energy

    def tilted(self, energy: nn.Module | None = None) -> ModelDensity:
        """The energy that is trained, or another, with what it tilts."""
        energy = self.energy if energy is None else energy
        base = self.base.flow if isinstance(self.base, FrozenFlow) else self.base
        return ModelDensity(energy, base, self.temperature, self.reference)

    def log_density(self, x: Tensor, energy: nn.Module | None = None) -> Tensor:
        """The model's unnormalised log-density -E(x)/T + log b(x), `(n, *event)` to `(n,)`.

        Args:
            x: points.
            energy: the network to use; by default the one that is trained.
        """
        return self.tilted(energy).log_density(x)

    @torch.no_grad()
    def evaluated_log_density(self, x: Tensor) -> Tensor:
        """Unnormalised log-density `(n,)` of the model that is evaluated."""
        return self.log_density(x, self.evaluated_energy)

    def problem(self, data: Tensor | None = None, energy: nn.Module | None = None) -> Problem:
        """What a sampler is asked to sample.

        A sampler that does not teach the flow is given the base flow itself, where there is one:
        the target is a tilt of the very flow that it proposes from or pulls back through.
        """
        flow = self.flow if self.sampler.teaches_flow else self.base_flow or self.flow
        return self.tilted(energy).problem(flow, data, (self.flow, self.frozen_flow))

    def points(self, batch: Any) -> Tensor:  # noqa: ANN401 - anybody's data
        """The points of a batch: a tensor or array, or a sequence that begins with one.

        In the type of the model; of the shape that it was fitted to, once it is.
        """
        if not self._knows_shape:
            # Once it is prepared it is for good: its device is not waited for at every batch.
            self._knows_shape = bool(self.prepared)
        mean = self.reference.mean
        return points_of(batch, mean if self._knows_shape else mean.new_zeros(()))

    def fresh_draw(self, n: int, data: Tensor | None = None, stream: int = 0) -> Draw:
        """Draw n points by chains that begin anew: the last of `fresh_draws`, averaged infos."""
        return self.evaluation.fresh_draw(self.subject(), require_count("n", n), data, stream)

    def fresh_draws(self, n: int, data: Tensor | None = None, stream: int = 0) -> FreshChains:
        """Run n chains that begin anew: see `Evaluation.fresh_draws`."""
        return self.evaluation.fresh_draws(self.subject(), require_count("n", n), data, stream)

    def subject(self, latest: Draw | None = None) -> Subject:
        """What evaluation looks at.

        Args:
            latest: a draw that stands for fresh ones.
        """
        problem = self.problem(None, self.evaluated_energy)
        learned = self.flow is not None and self.sampler.uses_flow
        return Subject(
            problem=problem,
            sampler=self.sampler,
            flow=problem.flow if learned else self.base_flow,
            density=self.known_density,
            labelled=self._labelled_data,
            stored=self._stored_data,
            latest=latest,
            rank=self.global_rank,
        )

    @property
    def step(self) -> int:
        """Steps of training that the weights have behind them."""
        resumed = self.negative_phase.resumed
        return self.global_step if resumed is None else resumed.step

    @property
    def latest_draw(self) -> Draw | None:
        """The latest draw of training."""
        return self.negative_phase.latest

    @property
    def remarks(self) -> list[str]:
        """What the latest measures have to say to the reader."""
        return self.evaluation.remarks

    @property
    def known_density(self) -> KnownDensity | None:
        """The density that the data came from, if the data module knows it."""
        return getattr(self._data_module, "density", None)

    @property
    def _labelled_data(self) -> LabelledData | None:
        module = self._data_module
        classes = getattr(module, "kept_classes", ()) if hasattr(module, "labelled_points") else ()
        labelled: LabelledData | None = module if len(classes) > 0 else None
        return labelled

    @property
    def _stored_data(self) -> StoredData | None:
        module = self._data_module
        told = ("bits_per_dimension", "nll_in_data_units")
        stored: StoredData | None = module if all(hasattr(module, name) for name in told) else None
        return stored

    @property
    def _data_module(self) -> Any:  # noqa: ANN401 - anybody's, which may tell one thing or another
        return None if self._trainer is None else undeclared(self._trainer).datamodule


def _has_buffers(network: nn.Module | None) -> bool:
    return network is not None and next(network.buffers(), None) is not None

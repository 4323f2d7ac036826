"""Before the first step: networks see the data, the flow is pre-trained, processes are seeded."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor

from lightning_ebm.energies import Energy
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import Kernel
from lightning_ebm.module.companion import pretrain
from lightning_ebm.module.settings import check_trainer
from lightning_ebm.networks import check_energy, require_event_shape
from lightning_ebm.optimizers import decay_layers_only
from lightning_ebm.random_state import isolated, seed_process, set_random_state


class PreparationHooks:
    """The hooks of `EBMLightningModule` that run before training.

    What is fitted to data is fitted in `setup`, before DistributedDataParallel copies rank 0's
    weights to all; layers that initialise on their first batch would differ for ever after it.
    """

    def setup(self, stage: str) -> None:
        """Fit standardisations and the Gaussian to data, unless that is done."""
        if stage == "fit":
            check_trainer(self.trainer)
        if stage == "fit" and not self._is_prepared():
            with isolated():
                data = self._first_points()
            check_energy(self.energy, data)
            self.reference.initialise(data)
            if Energy in type(self.energy).__mro__:
                self.energy.initialise(data)
            if self.flow is not None:
                require_event_shape("model.flow", self.flow, data)
                self.flow.initialise(data)

    def on_fit_start(self) -> None:
        """Go on with the random state of a resumed run; in a new one seed, and pre-train."""
        if self.resumed_random_state is not None:
            set_random_state(self.resumed_random_state)
            self.resumed_random_state = None
        else:
            seed_process(torch.initial_seed(), self.global_rank)
        if not self._is_prepared():
            self._pretrain_flow()
            self.prepared.fill_(True)
        self.mark_random_state()
        self._refuse_half_precision()

    def _is_prepared(self) -> bool:
        return bool(self.prepared)

    def _pretrain_flow(self) -> None:
        if self.flow_pretraining == 0:
            return
        trained = self.sampler.teaches_flow
        self.flow.requires_grad_(True)
        optimizer = self.optimizers_by_network["flow"](self.flow.parameters())
        optimizer = decay_layers_only(optimizer, self.flow)
        schedule = self.flow_pretraining_scheduler
        loss = pretrain(
            self.flow,
            self._endless_points(),
            self.flow_pretraining,
            optimizer,
            self.clips["flow"],
            self._mean_over_processes,
            None if schedule is None else schedule(optimizer),
            progress=self.trainer.is_global_zero
            and self.trainer.progress_bar_callback is not None,
        )
        self.flow.requires_grad_(trained)
        if self.frozen_flow is not None:
            self.frozen_flow.take(self.flow)
        for logger in self.loggers:
            logger.log_metrics({"flow_pretraining/loss": loss}, step=0)

    def _first_points(self, at_most: int = 10_000) -> Tensor:
        batches, count = [], 0
        for x in self._points_of_one_pass():
            batches.append(x)
            count += len(x)
            if count >= at_most:
                break
        if count < 2:
            raise SettingError("the training data has fewer than 2 points: give it more")
        return torch.cat(batches)[:at_most]

    def _points_of_one_pass(self) -> Iterator[Tensor]:
        # Trainer's own loop would make its iterator here and now, with the random state of
        # neither a new run nor a resumed one: hence a loader apart from it.
        for batch in self.trainer.fit_loop._data_source.dataloader():
            yield self.points(batch)

    def _endless_points(self) -> Iterator[Tensor]:
        while True:
            for x in self._points_of_one_pass():
                yield move_data_to_device(x.to(self.reference.mean.dtype), self.device)

    def _refuse_half_precision(self) -> None:
        dtype = next(self.energy.parameters()).dtype
        kernels = [part for part in self.sampler.modules() if isinstance(part, Kernel)]
        decides = self.sampler.exact or any(kernel.exact for kernel in kernels)
        if decides and dtype.itemsize < 4:
            raise SettingError(
                f"trainer.precision makes the energy {dtype}, too coarse for "
                f"{type(self.sampler).__name__} to accept or reject by: use bf16-mixed, 32-true "
                "or 64-true"
            )

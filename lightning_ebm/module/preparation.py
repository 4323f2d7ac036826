"""Before the first step: what is fitted to data, and the flow's own training on it.

What is fitted is weights and buffers of the networks; that it is done is the module's buffer
`prepared`. Nothing else is kept, so that a resumed run repeats none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.energies.standardising import fit_standardisations
from lightning_ebm.errors import SettingError
from lightning_ebm.flows import Flow
from lightning_ebm.kernels import Kernel
from lightning_ebm.module.companion import pretrain
from lightning_ebm.module.learners import Mean
from lightning_ebm.module.recipes import without_unnamed
from lightning_ebm.networks import check_energy, require_event_shape
from lightning_ebm.sampler import Sampler

ENOUGH_POINTS = 10_000
"""Points to which standardisations are fitted, at most."""


@dataclass
class Preparation:
    """Recipe of the flow's training on data alone.

    Attributes:
        n_steps: its steps; 0 for none.
        scheduler: makes the learning-rate scheduler of these steps, or None.
    """

    n_steps: int
    scheduler: Callable[[Optimizer], LRScheduler] | None

    def __getstate__(self) -> dict[str, Any]:
        """All but a function without a name, which pickle cannot keep."""
        key = "flow_pretraining_scheduler"
        return vars(self) | {"scheduler": without_unnamed({key: self.scheduler})[key]}

    def pretrain(
        self,
        flow: Flow,
        batches: Iterator[Tensor],
        optimizer: Callable[[list[nn.Parameter]], Optimizer],
        clip: float | None,
        mean: Mean,
        *,
        progress: bool,
    ) -> float:
        """Fit the flow to data by maximum likelihood; return the last loss, in nats.

        Args:
            flow: learns here, whether it goes on learning or not.
            batches: endless data.
            optimizer: makes an optimizer of its parameters.
            clip: largest norm of the gradient, or None.
            mean: maps a tensor to its mean over processes.
            progress: whether to show a bar.
        """
        goes_on = [p.requires_grad for p in flow.parameters()]
        flow.requires_grad_(True)
        made = optimizer(list(flow.parameters()))
        schedule = None if self.scheduler is None else self.scheduler(made)
        loss = pretrain(flow, batches, self.n_steps, made, clip, mean, schedule, progress=progress)
        for parameter, flag in zip(flow.parameters(), goes_on, strict=True):
            parameter.requires_grad_(flag)
        return loss


def fit_to_data(
    data: Tensor, energy: nn.Module, reference: GaussianBase, flow: Flow | None
) -> None:
    """Fit standardisations and the Gaussian to points of data.

    Before DistributedDataParallel copies rank 0's weights to all: layers that initialise on their
    first batch would differ for ever after it.
    """
    check_energy(energy, data)
    reference.initialise(data)
    fit_standardisations(energy, data)
    if flow is not None:
        require_event_shape("model.flow", flow, data)
        flow.initialise(data)


def first_points(points: Iterator[Tensor]) -> Tensor:
    """The first points of a pass over the data, `(n, *event)`.

    Raises:
        SettingError: if there are fewer than two.
    """
    batches, count = [], 0
    for x in points:
        batches.append(x)
        count += len(x)
        if count >= ENOUGH_POINTS:
            break
    if count < 2:
        raise SettingError("the training data has fewer than 2 points: give it more")
    return torch.cat(batches)[:ENOUGH_POINTS]


def refuse_half_precision(energy: nn.Module, sampler: Sampler) -> None:
    """Raise `SettingError` if an energy is too coarse for a sampler to accept or reject by."""
    dtype = next(energy.parameters()).dtype
    kernels = [part for part in sampler.modules() if isinstance(part, Kernel)]
    decides = sampler.exact or any(kernel.exact for kernel in kernels)
    if decides and dtype.itemsize < 4:
        raise SettingError(
            f"trainer.precision makes the energy {dtype}, too coarse for "
            f"{type(sampler).__name__} to accept or reject by: use bf16-mixed, 32-true "
            "or 64-true"
        )

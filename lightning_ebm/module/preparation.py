"""Before the first step: what is fitted to data, and the flow's own training on it.

What is fitted is weights and buffers of the networks; that it is done is the module's buffer
`prepared`, and a resumed run repeats none of it. Of a pre-training that was stopped a checkpoint
holds its optimizer and its step, and of each process where its data stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
from lightning_ebm.module.endless_data import EndlessData
from lightning_ebm.module.learners import Mean
from lightning_ebm.module.pretraining import Pretraining
from lightning_ebm.module.recipes import without_unnamed
from lightning_ebm.networks import check_energy, require_event_shape
from lightning_ebm.sampler import Sampler

KEY = "flow_pretraining"
ENOUGH_POINTS = 10_000
"""Points to which standardisations are fitted, at most."""


@dataclass
class Preparation:
    """The flow's training on data alone.

    Attributes:
        n_steps: its steps; 0 for none.
        scheduler: makes the learning-rate scheduler of these steps, or None.
        under_way: the training, while it goes on.
        data: that it is given, while it goes on.
        resumed: what a checkpoint held of one that was stopped, until it goes on.
    """

    n_steps: int
    scheduler: Callable[[Optimizer], LRScheduler] | None
    under_way: Pretraining | None = None
    data: EndlessData | None = None
    resumed: dict[str, Any] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """All but a function without a name, which pickle cannot keep, and what is in use."""
        key = "flow_pretraining_scheduler"
        kept = {"scheduler": without_unnamed({key: self.scheduler})[key]}
        return vars(self) | kept | {"under_way": None, "data": None}

    def pretrain(
        self,
        flow: Flow,
        one_pass: Callable[[], Iterator[Tensor]],
        optimizer: Callable[[list[nn.Parameter]], Optimizer],
        clip: float | None,
        mean: Mean,
        after: Callable[[int], None],
        *,
        progress: bool,
    ) -> float:
        """Fit the flow to data by maximum likelihood; return the last loss, in nats.

        Args:
            flow: learns here, whether it goes on learning or not.
            one_pass: begins a pass over the data.
            optimizer: makes an optimizer of its parameters.
            clip: largest norm of the gradient, or None.
            mean: maps a tensor to its mean over processes.
            after: is called with the number of steps done after each; it may end the run.
            progress: whether to show a bar.
        """
        goes_on = [p.requires_grad for p in flow.parameters()]
        flow.requires_grad_(True)
        made = optimizer(list(flow.parameters()))
        self.under_way = Pretraining(flow, made, self.scheduler, clip, mean)
        self.data = EndlessData(one_pass, self.resumed.get("data"))
        if "steps" in self.resumed:
            self.under_way.load_state_dict(self.resumed["steps"])
        self.resumed = {}
        try:
            return self.under_way.run(iter(self.data), self.n_steps, after, progress=progress)
        finally:
            self.under_way = self.data = None
            for parameter, flag in zip(flow.parameters(), goes_on, strict=True):
                parameter.requires_grad_(flag)

    def shared_state(self) -> dict[str, Any]:
        """What a checkpoint holds of a pre-training under way, the same in all processes."""
        return {} if self.under_way is None else {KEY: self.under_way.state_dict()}

    def own_state(self) -> dict[str, Any]:
        """What it holds of it that is this process's own."""
        return {} if self.data is None else {KEY: self.data.state_dict()}

    def load(self, shared: dict[str, Any], own: dict[str, Any]) -> None:
        """Take up what a checkpoint holds, if it does."""
        found = {"steps": shared.get(KEY), "data": own.get(KEY)}
        self.resumed = {name: state for name, state in found.items() if state is not None}


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
        SettingError: if there are fewer than two, or all are the same.
    """
    batches, count = [], 0
    for x in points:
        batches.append(x)
        count += len(x)
        if count >= ENOUGH_POINTS:
            break
    if count < 2:
        raise SettingError("the training data has fewer than 2 points: give it more")
    found = torch.cat(batches)[:ENOUGH_POINTS]
    if bool((found == found[0]).all()):
        raise SettingError(
            f"the training data is one point, {len(found)} times, which has no density: give "
            "points that differ"
        )
    return found


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

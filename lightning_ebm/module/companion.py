"""Steps of the companion flow outside Lightning's loop: pre-training, and extra updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from lightning_ebm.errors import DivergenceError, NotFiniteError
from lightning_ebm.finite import require_finite
from lightning_ebm.flows import Flow

Average = Callable[[Tensor], Tensor]


def flow_step(loss: Tensor, optimizer: Optimizer, clip: float | None, average: Average) -> None:
    """One step of the flow's optimizer, with gradients averaged over processes.

    Gradients are taken by `torch.autograd.grad`, which wakes none of the hooks by which
    DistributedDataParallel counts on one backward per batch.

    Args:
        loss: what to minimise.
        optimizer: the flow's.
        clip: largest norm of the gradient, or None.
        average: maps a tensor to its mean over processes.

    Raises:
        NotFiniteError: if the gradient is not finite, and then no step is taken; or if weights are
            not after it.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = average(torch.zeros_like(parameter) if gradient is None else gradient)
    require_finite("gradients of the flow", [p.grad for p in parameters])
    if clip is not None:
        torch.nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    optimizer.zero_grad()
    require_finite("weights of the flow after the step", parameters)


def pretrain(
    flow: Flow,
    batches: Iterator[Tensor],
    n_steps: int,
    optimizer: Optimizer,
    clip: float | None,
    average: Average,
    scheduler: LRScheduler | None = None,
    *,
    progress: bool,
) -> float:
    """Fit a flow to data by maximum likelihood; return the last tenth's mean loss, in nats.

    Raises:
        DivergenceError: if a step is not finite.
    """
    losses = []
    flow.train()
    for step in tqdm(range(n_steps), desc="Pre-training the flow", disable=not progress):
        loss = -flow.log_prob(next(batches)).mean()
        try:
            flow_step(loss, optimizer, clip, average)
        except NotFiniteError as failure:
            raise DivergenceError(
                f"pre-training of the flow diverged at step {step}: not finite: {failure}; "
                "give model.flow_optimizer a lower learning rate, or set model.flow_clip"
            ) from failure
        if scheduler is not None:
            scheduler.step()
        losses.append(loss.detach())
    return torch.stack(losses[-max(1, n_steps // 10) :]).mean().item()

"""Steps of the companion flow outside Lightning's loop: pre-training, and extra updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

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
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = average(torch.zeros_like(parameter) if gradient is None else gradient)
    if clip is not None:
        torch.nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    optimizer.zero_grad()


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
    """Fit a flow to data by maximum likelihood; return the last tenth's mean loss, in nats."""
    losses = []
    flow.train()
    for _ in tqdm(range(n_steps), desc="Pre-training the flow", disable=not progress):
        loss = -flow.log_prob(next(batches)).mean()
        flow_step(loss, optimizer, clip, average)
        if scheduler is not None:
            scheduler.step()
        losses.append(loss.detach())
    return torch.stack(losses[-max(1, n_steps // 10) :]).mean().item()

"""A step of the companion flow outside Lightning's loop: of pre-training, or an extra update."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Optimizer

from lightning_ebm.finite import require_finite

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


def spoilt(loss: Tensor, overflowed: list[str]) -> Tensor:
    """A loss that makes all processes refuse the step, if something of this one has overflowed."""
    return loss * torch.nan if overflowed else loss

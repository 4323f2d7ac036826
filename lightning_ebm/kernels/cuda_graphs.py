"""What a block that is recorded as a CUDA graph asks of what goes in and of what comes out.

A recorded block is launched at once, in place of kernel after kernel. Its inputs lie on the GPU,
all of them, or torch records nothing; its outputs lie in memory that its next run writes to.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lightning_ebm.kernels.kernel import Kernel
from lightning_ebm.kernels.step_size import StepSize

OPTIONS = {"triton.cudagraphs": True}
"""Of torch's compiler: what its mode `reduce-overhead` sets."""


def begin(kernel: Kernel, device: torch.device) -> None:
    """Put what a kernel has learned on the GPU, and give up what the last run left there."""
    for part in kernel.modules():
        if isinstance(part, StepSize):
            part.log_value = part.log_value.to(device)
    torch.compiler.cudagraph_mark_step_begin()


def owned(values: Any) -> Any:  # noqa: ANN401 - what goes in comes out
    """Copies of all tensors in tuples and dicts, in memory of their own."""
    if isinstance(values, Tensor):
        return values.clone()
    if isinstance(values, dict):
        return {name: owned(value) for name, value in values.items()}
    if isinstance(values, tuple):
        parts = [owned(value) for value in values]
        return type(values)(*parts) if hasattr(values, "_fields") else tuple(parts)
    return values


def end(kernel: Kernel) -> None:
    """Keep what the kernel learned in memory of its own."""
    for part in kernel.modules():
        if isinstance(part, StepSize):
            part.log_value = part.log_value.clone()

"""Gradients of the batches since the latest step, where several batches make a step.

Each process has its own, which are averaged only at the step: so each keeps them in a checkpoint.
"""

from __future__ import annotations

from torch import Tensor, nn


class Accumulation:
    """Knows whether gradients wait for their step.

    Attributes:
        waits: whether they do.
        resumed: the gradients, by parameter, that a checkpoint held, until they are put back.
    """

    def __init__(self) -> None:
        self.waits = False
        self.resumed: dict[str, Tensor] = {}

    def state(self, module: nn.Module) -> dict[str, Tensor]:
        """The gradients that wait, by parameter."""
        if not self.waits:
            return {}
        named = module.named_parameters()
        return {name: p.grad.clone() for name, p in named if p.grad is not None}

    def put_back(self, module: nn.Module) -> None:
        """Let gradients of a resumed run wait again, on the parameters' own device."""
        for name, parameter in module.named_parameters():
            if name in self.resumed:
                parameter.grad = self.resumed[name].to(parameter)
        self.waits = bool(self.resumed)
        self.resumed = {}

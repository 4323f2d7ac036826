"""Two optimizers as one object, so that a batch is one step and Trainer's settings keep meaning.

Under Lightning's automatic optimization a module may have one optimizer. `JointOptimizer` holds
one per network, of any classes, and steps them together; `JointScheduler` does so for schedulers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from torch import Tensor
from torch.optim import Adam, AdamW, NAdam, Optimizer, RAdam, RMSprop

from lightning_ebm.finite import require_all_finite, require_state_finite
from lightning_ebm.flows import Flow
from lightning_ebm.resumed_optimizer import configuration, take_up
from lightning_ebm.resuming import CONFIGURED, say

AVERAGING = (Adam, AdamW, NAdam, RAdam, RMSprop)
"""What these keep lies between gradients, and squares of gradients, that were finite."""


class JointOptimizer(Optimizer):
    """Named optimizers that step, reset and are saved as one.

    Args:
        optimizers: name of each network, and its optimizer, new and without a scheduler. The name
            marks its parameter groups.
        parameters: what each was made of, in an order that groups do not change; by default that
            of its groups.

    Attributes:
        configured: what each was made as.
        begun_anew: those whose state was not taken up from a checkpoint.
        instead: what steps a network in its optimizer's place, by name.
    """

    def __init__(
        self,
        optimizers: dict[str, Optimizer],
        parameters: Mapping[str, Sequence[Tensor]] | None = None,
    ) -> None:
        self.optimizers = optimizers
        self.configured = {
            name: configuration(optimizer, (parameters or {}).get(name, _parameters(optimizer)))
            for name, optimizer in optimizers.items()
        }
        self.begun_anew: set[str] = set()
        self.instead: dict[str, Callable[[], None]] = {}
        super().__init__([p for o in optimizers.values() for p in _parameters(o)], {})
        self._join()

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Evaluate the closure once, then step every optimizer.

        Raises:
            NotFiniteError: if gradients are not finite, and then no step is taken; or if weights
                are not after it, or what the optimizer keeps of gradients.
        """
        loss = None if closure is None else closure()
        parts = self.optimizers.items()
        require_all_finite({f"gradients of the {name}": _gradients(part) for name, part in parts})
        for name, part in parts:
            self.instead.get(name, part.step)()
        require_all_finite(
            {f"weights of the {name} after the step": _parameters(part) for name, part in parts}
        )
        for name, part in parts:
            require_state_finite(f"state of the {name}'s optimizer", _sums(part))
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: FBT001, FBT002 - torch's signature
        """Reset all gradients."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The state of each optimizer under its name, with the settings that it began under."""
        return {
            name: optimizer.state_dict() | {CONFIGURED: self.configured[name]}
            for name, optimizer in self.optimizers.items()
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the state of each optimizer; one that was not saved begins anew.

        Settings that are not what they were when the state was saved are in force, and said.
        """
        self.begun_anew = set(self.optimizers) - set(state_dict)
        for name, optimizer in self.optimizers.items():
            if name in state_dict:
                clauses, anew = take_up(optimizer, state_dict[name], self.configured[name])
                say(f"{name}_optimizer {clause}" for clause in clauses)
                self.begun_anew |= {name} if anew else set()
        self._join()

    def _join(self) -> None:
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["name"] = name
        self.param_groups = [g for o in self.optimizers.values() for g in o.param_groups]


def decay_layers_only(optimizer: Optimizer, flow: Flow) -> Optimizer:
    """Exempt a flow's base distribution and all biases from an optimizer's weight decay, in place.

    Decay holds back what layers learn by heart. On a base of several Gaussians it makes their
    weights equal, and so takes the weights of modes away from those of the data.

    Args:
        optimizer: a new one; what has no weight decay, or groups of its own, stays as it is.
        flow: some of its parameters are the optimizer's.
    """
    if not optimizer.defaults.get("weight_decay") or len(optimizer.param_groups) > 1:
        return optimizer
    base = {id(p) for p in flow.base.parameters()}
    group = optimizer.param_groups[0]
    spared = [p for p in group["params"] if id(p) in base or p.dim() < 2]
    kept = {id(p) for p in group["params"]} - {id(p) for p in spared}
    if spared and kept:
        group["params"] = [p for p in group["params"] if id(p) in kept]
        optimizer.add_param_group({"params": spared, "weight_decay": 0.0})
    return optimizer


def _gradients(optimizer: Optimizer) -> list[Tensor]:
    return [p.grad for p in _parameters(optimizer) if p.grad is not None]


def _sums(optimizer: Optimizer) -> list[Tensor]:
    """What an optimizer keeps that may overflow though gradients and weights are finite."""
    if type(optimizer) in AVERAGING:
        return []
    kept = [value for state in optimizer.state.values() for value in state.values()]
    return [x for x in kept if isinstance(x, Tensor) and x.is_floating_point()]


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]

"""Does a sampler say what it is, and leave what is not its own as it was?"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from lightning_ebm.sampler import Sampler
from lightning_ebm.starts import Bank
from lightning_ebm.testing.targets import correlated


def declaration(sampler: Sampler) -> tuple[bool, str]:
    """It says what it is, teaches a flow only if it uses one, and then has a loss for it."""
    for name in ("exact", "uses_flow", "teaches_flow"):
        if not isinstance(getattr(sampler, name), bool):
            return False, f"{name} is {getattr(sampler, name)!r}: it must be True or False"
    if sampler.teaches_flow and not sampler.uses_flow:
        return False, "teaches_flow is True and uses_flow False: what it teaches it must use"
    known = correlated()
    problem = known.problem(known)
    loss = sampler.flow_loss(problem, sampler(problem, 16))
    if sampler.teaches_flow != (loss is not None):
        return False, f"teaches_flow is {sampler.teaches_flow}, but flow_loss returns {loss}"
    if loss is not None and not (loss.shape == () and loss.isfinite() and loss.requires_grad):
        return False, f"flow_loss returns {loss}: it must be one finite number with a gradient"
    words = "exact" if sampler.exact else "biased by design"
    return True, f"{words}; uses a flow: {sampler.uses_flow}; teaches it: {sampler.teaches_flow}"


def no_gradients_left(sampler: Sampler) -> tuple[bool, str]:
    """Parameters keep the gradient they had, none here, and their requires_grad."""
    known = correlated()
    problem = known.problem(known)
    draw = sampler(problem, 32)
    for network in problem.networks:
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                return False, f"{type(network).__name__}.{name} was left a gradient"
            if not parameter.requires_grad:
                return False, f"{type(network).__name__}.{name} was left without requires_grad"
    if draw.x.requires_grad or any(value.requires_grad for value in draw.info.values()):
        return False, "what was drawn still hangs on a graph"
    return True, "none on any parameter, none behind the draw"


def networks_unchanged(sampler: Sampler) -> tuple[bool, str]:
    """Parameters, buffers and modes of the networks are as they were."""
    known = correlated()
    problem = known.problem(known)
    for network in problem.networks:
        network.train()
    before = [copy.deepcopy(network.state_dict()) for network in problem.networks]
    for _ in range(3):
        sampler(problem, 32)
    for network, kept in zip(problem.networks, before, strict=True):
        for name, value in network.state_dict().items():
            if not torch.equal(value, kept[name]):
                return False, f"{type(network).__name__}.{name} was {kept[name]}, is {value}"
        if not network.training:
            return False, f"{type(network).__name__} was left in eval mode"
    return True, "parameters, buffers and modes of energy and flow"


def each_process_its_own(sampler: Sampler) -> tuple[bool, str]:
    """Drawing changes no parameter and no buffer, which processes would be made to share."""
    known = correlated()
    problem = known.problem(known)
    sampler(problem, 16)
    before = _shared(sampler)
    for _ in range(3):
        sampler(problem, 16)
    for name, value in _shared(sampler).items():
        if name not in before or not torch.equal(before[name], value):
            return False, (
                f"{name} is a buffer or parameter and changed: DistributedDataParallel would give "
                "every process that of the first; keep it as a plain tensor"
            )
    return True, "no buffer and no parameter changed"


def _shared(sampler: Sampler) -> dict[str, Tensor]:
    tensors = [*sampler.named_buffers(), *sampler.named_parameters()]
    return {name: tensor.detach().clone() for name, tensor in tensors}


def still_while_measured(sampler: Sampler) -> tuple[bool, str]:
    """In eval mode all state but the chains stands still: what is measured is one kernel."""
    known = correlated()
    problem = known.problem(known)
    sampler.train()
    for _ in range(5):
        sampler(problem, 64)
    sampler.eval()
    before = _state_without_chains(sampler)
    for _ in range(5):
        sampler(problem, 64)
    after = _state_without_chains(sampler)
    moved = [name for name, value in after.items() if str(value) != str(before[name])]
    if moved:
        return False, f"{moved[0]} went from {before[moved[0]]} to {after[moved[0]]} in eval mode"
    return True, f"{len(after)} pieces of state besides the chains"


def _state_without_chains(sampler: Sampler) -> dict[str, object]:
    starts = {name for name, part in sampler.named_modules() if isinstance(part, Bank)}
    state = {
        key: copy.deepcopy(value)
        for key, value in sampler.state_dict().items()
        if not any(key.startswith(start + ".") for start in starts)
    }
    # Plain attributes too: an adaptation that is kept nowhere is still one.
    for name, part in sampler.named_modules():
        if name not in starts:
            plain = {k: v for k, v in vars(part).items() if isinstance(v, (float, torch.Tensor))}
            state |= {f"{name}.{key}": copy.deepcopy(value) for key, value in plain.items()}
    return state

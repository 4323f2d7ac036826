"""What each process keeps for itself in a checkpoint: its chains, its random state, its gradients.

Lightning saves the module of rank 0 and no random state. Here the parts that differ between
processes are gathered when a checkpoint is written, and each process takes its own back.
"""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.utils._pytree import tree_map

KEY = "lightning_ebm"
PREFIX = "sampler."


def pack(
    checkpoint: dict[str, Any], sampler: nn.Module, own: dict[str, Any], shared: dict[str, Any]
) -> None:
    """Move the sampler out of rank 0's weights and into a list with one entry per process.

    Args:
        checkpoint: Lightning's.
        sampler: has chains.
        own: what else differs between processes.
        shared: what is the same in all.
    """
    mine = _on_cpu(own | {"sampler": sampler.state_dict()})
    weights = checkpoint["state_dict"]
    for key in [key for key in weights if key.startswith(PREFIX)]:
        del weights[key]
    sampler_class = type(sampler).__qualname__
    checkpoint[KEY] = shared | {"sampler_class": sampler_class, "processes": _gather(mine)}


def unpack(checkpoint: dict[str, Any], sampler: nn.Module, rank: int) -> dict[str, Any]:
    """Put a process's sampler back among the weights to load; return what else is its own.

    A sampler of another class than the checkpoint's, or a process that the checkpoint does not
    know, begins anew, which is said once.
    """
    weights = checkpoint["state_dict"]
    anew = {PREFIX + key: value for key, value in sampler.state_dict().items()}
    saved = checkpoint.get(KEY)
    if saved is None:
        weights.update(anew)
        return {}
    processes = saved["processes"]
    if saved["sampler_class"] != type(sampler).__qualname__:
        rank_zero_warn(
            f"the checkpoint's chains are of sampler {saved['sampler_class']}; "
            f"{type(sampler).__qualname__} begins new ones"
        )
        weights.update(anew)
        return {}
    if rank >= len(processes):
        rank_zero_warn(
            f"the checkpoint has chains of {len(processes)} processes; process {rank} begins "
            "new ones"
        )
        weights.update(anew)
        return {}
    weights.update({PREFIX + k: v for k, v in processes[rank]["sampler"].items()})
    return processes[rank]


def shared_state(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What is the same in all processes."""
    return checkpoint.get(KEY, {})


def _on_cpu(tree: Any) -> Any:  # noqa: ANN401 - any nesting of containers
    return tree_map(lambda leaf: leaf.cpu() if isinstance(leaf, Tensor) else leaf, tree)


def _gather(mine: dict[str, Any]) -> list[dict[str, Any]]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    everyone: list[dict[str, Any]] = [{}] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, mine)
    return everyone

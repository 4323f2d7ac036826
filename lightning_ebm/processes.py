"""The processes of a run: how many there are, and what they tell each other."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

Tree = TypeVar("Tree")


def count() -> int:
    """The number of processes."""
    return torch.distributed.get_world_size() if _joined() else 1


def gathered(mine: Tree) -> list[Tree]:
    """What each process has, in the order of their ranks, tensors on the CPU; all must ask."""
    mine = on_cpu(mine)
    if not _joined():
        return [mine]
    everyone: list[Tree] = [mine] * count()
    torch.distributed.all_gather_object(everyone, mine)
    return everyone


def of_first(mine: Tree) -> Tree:
    """What process 0 has; all must ask."""
    if not _joined():
        return mine
    held = [on_cpu(mine)]
    torch.distributed.broadcast_object_list(held, src=0)
    return held[0]


def on_cpu(tree: Tree) -> Tree:
    """The same nesting of containers with its tensors on the CPU."""
    moved: Tree = tree_map(lambda leaf: leaf.cpu() if isinstance(leaf, Tensor) else leaf, tree)
    return moved


def _joined() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()

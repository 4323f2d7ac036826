"""What each process keeps for itself in a checkpoint: its random state and its chains.

Lightning saves the module of rank 0 and no random state. Here the parts that differ between
processes are gathered when a checkpoint is written, and each process takes its own back.
"""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from lightning_ebm.random_state import random_state, set_random_state

KEY = "lightning_ebm"
PREFIX = "sampler."


class ProcessStateHooks:
    """The hooks of `EBMLightningModule` that write and read checkpoints, and guard randomness.

    `stream` is the random state after the latest training step. It is what is saved, and what is
    put back after validation, so that looking at a run draws nothing from it.
    """

    stream: dict[str, object] | None = None
    resumed_random_state: dict[str, object] | None = None

    def mark_random_state(self) -> None:
        """Remember where the stream of training is."""
        self.stream = random_state()

    def on_after_backward(self) -> None:
        """A batch has drawn what it draws."""
        self.mark_random_state()

    def on_validation_end(self) -> None:
        """Put the stream back: iterating over validation data has drawn from it."""
        if self.stream is not None and not self.trainer.sanity_checking:
            set_random_state(self.stream)

    def on_fit_end(self) -> None:
        """The stream ends with training."""
        self.stream = None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the sampler and the random state of every process."""
        pack(checkpoint, self.sampler, self.stream or random_state())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up this process's own."""
        self.resumed_random_state = unpack(checkpoint, self.sampler, self.global_rank)


def pack(checkpoint: dict[str, Any], sampler: nn.Module, random: dict[str, object]) -> None:
    """Move the sampler out of rank 0's weights and into a list with one entry per process."""
    mine = _on_cpu({"random": random, "sampler": sampler.state_dict()})
    weights = checkpoint["state_dict"]
    for key in [key for key in weights if key.startswith(PREFIX)]:
        del weights[key]
    checkpoint[KEY] = {"sampler_class": type(sampler).__qualname__, "processes": _gather(mine)}


def unpack(checkpoint: dict[str, Any], sampler: nn.Module, rank: int) -> dict[str, object] | None:
    """Put a process's sampler back among the weights to load, and return its random state.

    A sampler of another class than the checkpoint's, or a process that the checkpoint does not
    know, begins anew, which is said once.
    """
    weights = checkpoint["state_dict"]
    anew = {PREFIX + key: value for key, value in sampler.state_dict().items()}
    saved = checkpoint.get(KEY)
    if saved is None:
        weights.update(anew)
        return None
    processes = saved["processes"]
    if saved["sampler_class"] != type(sampler).__qualname__:
        rank_zero_warn(
            f"the checkpoint's chains are of sampler {saved['sampler_class']}; "
            f"{type(sampler).__qualname__} begins new ones"
        )
        weights.update(anew)
        return None
    if rank >= len(processes):
        rank_zero_warn(
            f"the checkpoint has chains of {len(processes)} processes; process {rank} begins "
            "new ones"
        )
        weights.update(anew)
        return None
    weights.update({PREFIX + k: v for k, v in processes[rank]["sampler"].items()})
    return processes[rank]["random"]


def _on_cpu(tree: Any) -> Any:  # noqa: ANN401 - any nesting of containers
    return tree_map(lambda leaf: leaf.cpu() if isinstance(leaf, Tensor) else leaf, tree)


def _gather(mine: dict[str, Any]) -> list[dict[str, Any]]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    everyone: list[dict[str, Any]] = [{}] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, mine)
    return everyone

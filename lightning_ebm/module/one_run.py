"""Several processes that were started as one run are one, or are told that they are not."""

from __future__ import annotations

import os

from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from lightning_ebm.errors import SettingError


def require_one_run(world_size: int) -> None:
    """Raise `SettingError` if `torchrun` started other many processes than make up this run.

    Args:
        world_size: processes of the run, as Trainer counts them.
    """
    if not TorchElasticEnvironment.detect():
        return
    started = int(os.environ["WORLD_SIZE"])
    if started != world_size:
        here = int(os.environ.get("LOCAL_WORLD_SIZE", started))
        raise SettingError(
            f"torchrun has started {started} processes, but by trainer.devices and "
            f"trainer.num_nodes a run has {world_size}, so that these would be several runs: "
            f"give --trainer.devices={here} --trainer.num_nodes={max(1, started // here)}"
        )

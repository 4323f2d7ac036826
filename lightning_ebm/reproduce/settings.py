"""What the experiments share: runs on known densities, and the columns of their tables."""

from __future__ import annotations

from typing import Any

from lightning_ebm.reproduce.curves import Curve
from lightning_ebm.reproduce.run import Run

DENSITY_COLUMNS = {
    "weight error of the model": "model/mode_weight_tv",
    "KL": "model/kl",
    "weight error of samples": "samples/mode_weight_tv",
    "error of log Z": "log_z/error",
    "log Z trusted": "log_z/trusted",
    "acceptance of flow moves": "sampler/acceptance_global",
    "crossings per 1000 evaluations": "sampler/crossings_per_1000_evaluations",
}
"""Columns of a table and the metrics they show. KL is KL(data density ‖ model) in nats."""

SHORT: dict[str, object] = {"model.energy_optimizer.init_args.lr": 0.006}
"""Settings of runs of 1000 steps: twice the rate of `two_modes.yaml`, which has 1500."""

CROSSINGS = Curve("sampler/crossings_per_1000_evaluations", "mode crossings per 1000 evaluations")


def known_run(
    name: str,
    density: object,
    sampler: object,
    seed: int,
    *,
    n_steps: int,
    labels: dict[str, Any],
    settings: dict[str, object] | None = None,
) -> Run:
    """A run of `two_modes.yaml` on a known density.

    Args:
        name: its folder.
        density: name of a density, or its class path and options.
        sampler: the same of a sampler.
        seed: of the run and of its data.
        n_steps: training steps, a multiple of five: so often a run is saved, lastly at its end,
            and not with every one of its short epochs, which takes time.
        labels: for the table.
        settings: further settings.
    """
    return Run(
        name,
        "two_modes.yaml",
        {
            "model.sampler": sampler,
            "data.density": density,
            "data.seed": seed,
            "seed_everything": seed,
            "trainer.max_steps": n_steps,
            "checkpoint.every_n_train_steps": n_steps // 5,
            "model.energy_scheduler.init_args.T_max": n_steps,
        }
        | (settings or {}),
        labels,
    )

"""What `validate` and `test` print for people, and leave in `metrics.json`."""

from __future__ import annotations

import json
import math
import platform
from importlib.metadata import version
from typing import Any

import lightning as L
import torch
from torch.utils._pytree import tree_map

from lightning_ebm.callbacks.files import run_folder
from lightning_ebm.callbacks.model_of import model_of
from lightning_ebm.callbacks.report import show_report
from lightning_ebm.callbacks.tensorboard import EBMTensorBoardLogger
from lightning_ebm.callbacks.units import unit
from lightning_ebm.checkpoints.reading import METRICS
from lightning_ebm.checkpoints.writable import require_writable
from lightning_ebm.checkpoints.writing import write_whole
from lightning_ebm.errors import SettingError
from lightning_ebm.module import EBMLightningModule

DISTRIBUTIONS = ("lightning-ebm", "torch", "lightning", "normflows", "torchmetrics")


class MetricsFile(L.Callback):
    """Show what was found, and write the figures of `test` to `metrics.json`.

    The file is flat, name to number, but for the entry `run`: seed, settings, versions, units,
    remarks, and log Z, by which the model is normalised when its checkpoint is loaded. It is JSON
    to the letter: a figure that is unknown or infinite is null, and a remark says which.

    Attributes:
        settings: of the command, where one made the run.
    """

    settings: dict[str, Any] | None = None

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Have TensorBoard show figures as those of training, until it is said otherwise."""
        _look(trainer, None)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Refuse a test of which nothing could be kept; have TensorBoard show it as one."""
        require_writable(run_folder(trainer), "ckpt_path", trainer.ckpt_path)
        _look(trainer, model_of(pl_module).step, tests=True)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Have TensorBoard show it at the model's step, unless training waits."""
        if trainer.state.fn == "validate":
            _look(trainer, model_of(pl_module).step)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the report, unless training waits."""
        if trainer.state.fn == "validate" and trainer.is_global_zero:
            self._show(trainer, model_of(pl_module))

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write everything that was logged."""
        folder = run_folder(trainer)
        if not trainer.is_global_zero:
            return
        model = model_of(pl_module)
        self._show(trainer, model)
        metrics = {
            name: float(value) if value.isfinite() else None
            for name, value in sorted(trainer.callback_metrics.items())
        }
        path = folder / METRICS
        contents = metrics | {"run": self._description(trainer, model, list(metrics))}
        # Whole or not at all: who finds the file takes the test for done.
        text = json.dumps(contents, indent=2, default=str, allow_nan=False) + "\n"
        try:
            write_whole(path, text.encode())
        except SettingError:
            # What took long to compute is not lost with the disk.
            print(text)
            raise
        print(f"Metrics written to {path}")

    def _show(self, trainer: L.Trainer, pl_module: EBMLightningModule) -> None:
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        show_report(figures, pl_module.remarks)

    def _description(
        self, trainer: L.Trainer, pl_module: EBMLightningModule, names: list[str]
    ) -> dict[str, Any]:
        settings = self.settings or {"model": dict(pl_module.hparams)}
        return {
            "checkpoint": None if trainer.ckpt_path is None else str(trainer.ckpt_path),
            "seed": torch.initial_seed(),
            "remarks": pl_module.remarks,
            "log_z": pl_module.normaliser.written(),
            "versions": {name: version(name) for name in DISTRIBUTIONS}
            | {"python": platform.python_version()},
            "units": {name: unit(name) for name in names},
            # YAML has infinities and JSON has none: they are put into words.
            "settings": tree_map(
                lambda leaf: (
                    str(leaf) if isinstance(leaf, float) and not math.isfinite(leaf) else leaf
                ),
                settings,
            ),
        }


def _look(trainer: L.Trainer, step: int | None, *, tests: bool = False) -> None:
    for logger in trainer.loggers:
        if isinstance(logger, EBMTensorBoardLogger):
            logger.look(step, tests=tests)

"""The settings of a command: in its checkpoints, and in `config.yaml` of its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import yaml
from lightning.pytorch.cli import LightningArgumentParser

from lightning_ebm.checkpoints.reading import RUN
from lightning_ebm.checkpoints.writing import write_whole
from lightning_ebm.undeclared import undeclared

OF_ONE_COMMAND = ("config", "ckpt_path", "overwrite", "then_test")
"""What is said to one command and does not describe its run."""


class RunSettings(L.Callback):
    """Writes the settings into every checkpoint as plain data, and to `config.yaml`.

    A file there that says something else is kept as `config_1.yaml` and so on.

    Args:
        settings: of the command, as plain data.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write the file, when training starts."""
        folder = trainer.log_dir or trainer.default_root_dir
        rehearses = undeclared(trainer).fast_dev_run
        if stage == "fit" and trainer.is_global_zero and not rehearses:
            _write(Path(folder) / "config.yaml", yaml.safe_dump(self.settings, sort_keys=False))

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add settings and folder."""
        folder = Path(trainer.log_dir or trainer.default_root_dir).absolute()
        checkpoint[RUN] = {"settings": self.settings, "folder": str(folder)}


def plain_settings(parser: LightningArgumentParser, config: Any) -> dict[str, Any]:  # noqa: ANN401
    """The settings of a subcommand's parser as plain data, without those of one command only."""
    dumped = yaml.safe_load(parser.dump(config, skip_unset=False, skip_validation=True))
    return {key: value for key, value in dumped.items() if key not in OF_ONE_COMMAND}


def _write(path: Path, contents: str) -> None:
    if path.is_file() and path.read_text() != contents:
        number = 1
        while (older := path.with_name(f"{path.stem}_{number}{path.suffix}")).exists():
            number += 1
        write_whole(older, path.read_bytes())
    write_whole(path, contents.encode())

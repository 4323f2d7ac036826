"""One training run of an experiment, in a folder of its own: trained, resumed, tested."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lightning_ebm.errors import DIVERGED, SettingError
from lightning_ebm.needed import needed

Command = Callable[[list[str]], None]
"""What carries out `lightning ARGS`, and ends by `SystemExit` with a status where it cannot."""


@dataclass(frozen=True)
class Run:
    """A packaged configuration with some settings changed.

    Attributes:
        name: its folder, below that of the experiment.
        config: file name of a packaged configuration.
        settings: dotted keys of the command line and their values.
        labels: what it is, for the table.
    """

    name: str
    config: str
    settings: dict[str, object] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)

    def arguments(self, folder: Path) -> list[str]:
        """What follows `lightning fit`; a folder with a checkpoint goes on from it."""
        logger = {
            "class_path": "TensorBoardLogger",
            "init_args": {"save_dir": str(folder), "name": "", "version": ""},
        }
        quiet = {
            "trainer.logger": logger,
            "trainer.enable_progress_bar": False,
            "pictures.every_n_steps": 10**9,
        }
        settings = {key: _written(value) for key, value in (self.settings | quiet).items()}
        checkpoint = last_checkpoint(folder)
        resume = [f"--ckpt_path={checkpoint}"] if checkpoint.is_file() else []
        options = [f"--{key}={value}" for key, value in settings.items()]
        return ["--config", self.config, *options, *resume]


def last_checkpoint(folder: Path) -> Path:
    """Where a run's newest checkpoint lies."""
    return folder / "checkpoints" / "last.ckpt"


def complete(run: Run, root: Path, command: Command) -> dict[str, float] | None:
    """Train and test a run, unless that is done; return its metrics, None if it diverged.

    What the run prints goes to `log.txt` in its folder.

    Args:
        run: what to complete.
        root: folder of all runs.
        command: trains and tests.
    """
    folder = root / run.name
    metrics, diverged = folder / "metrics.json", folder / "diverged.txt"
    if diverged.is_file():
        return None
    if not metrics.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.txt").open("a") as log:
            _print_to(log.fileno())
            try:
                command(["fit", *run.arguments(folder)])
                command(
                    ["test", f"--ckpt_path={last_checkpoint(folder)}", "--trainer.logger=false"]
                )
            except SystemExit as stop:
                if stop.code == DIVERGED:
                    diverged.write_text("training diverged: log.txt says where\n")
                    return None
                raise SettingError(
                    f"run {run.name} was stopped: its log, {folder / 'log.txt'}, says why"
                ) from stop
    figures = json.loads(metrics.read_text())
    figures.pop("run", None)
    # JSON has no number for what is unknown or infinite.
    return {name: math.nan if value is None else value for name, value in figures.items()}


def begin_worker() -> None:
    """Make a worker use one thread, since as many run as there are cores, and end with its parent.

    A worker that outlived a killed command would go on with the runs it has been given, in the
    folders that the next command resumes.
    """
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    needed(multiprocessing.parent_process()).join()
    os._exit(1)


def _print_to(descriptor: int) -> None:
    for stream in (1, 2):
        os.dup2(descriptor, stream)


def _written(value: object) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**9).strip()
    return text.removesuffix("...").strip()

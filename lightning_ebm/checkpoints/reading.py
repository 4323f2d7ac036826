"""What a checkpoint says of itself: its step, its settings, its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_ebm.checkpoints.opening import open_checkpoint

RUN = "lightning_ebm_run"
"""Where a checkpoint keeps the `settings` it was trained with and the `folder` of its run."""

METRICS = "metrics.json"
"""What a test writes into the folder of the run."""


def read(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint; weights stay on the disk until they are looked at.

    Raises:
        SettingError: if the file is not a whole checkpoint of this library.
    """
    return open_checkpoint(path)


def step(contents: dict[str, Any]) -> int:
    """The optimizer steps that a checkpoint has behind it."""
    return int(contents.get("global_step", 0))


def settings(contents: dict[str, Any]) -> dict[str, Any] | None:
    """The settings of the command that trained a checkpoint; None if it was a script."""
    found: dict[str, Any] | None = contents.get(RUN, {}).get("settings")
    return found


def run_folder(path: Path, contents: dict[str, Any] | None = None) -> Path:
    """The folder of a checkpoint's run: around `checkpoints/`, or the one that it recorded."""
    path = path.absolute()
    for folder in path.parents:
        if folder.name == "checkpoints":
            return folder.parent
    recorded = (contents or {}).get(RUN, {}).get("folder")
    return Path(recorded) if recorded and Path(recorded).is_dir() else path.parent

"""What a run leaves on disk before its first step, and how it is taken away again."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import lightning as L

from lightning_ebm.errors import SettingError

FIRST = ("config.yaml", "hparams.yaml", "events.out.tfevents.*", "metrics.csv")
"""Files that Lightning and its loggers write before a step is made."""


class Traces:
    """The folder in which a run logs, as it was before the run.

    Args:
        trainer: has made nothing yet.

    Raises:
        SettingError: if the folder cannot be made or written to.
    """

    def __init__(self, trainer: L.Trainer) -> None:
        self.trainer = trainer
        self.folder = None if trainer.log_dir is None else Path(trainer.log_dir)
        if self.folder is None or not trainer.is_global_zero:
            return
        self.missing = _missing(self.folder)
        self.before = self._first_files()
        require_writable(self.folder, "trainer.default_root_dir", trainer.default_root_dir)

    def remove(self) -> None:
        """Take away what the run has written, unless it has made a step; nothing older."""
        trainer = self.trainer
        if self.folder is None or not trainer.is_global_zero or trainer.global_step > 0:
            return
        for logger in trainer.loggers:
            close = getattr(getattr(logger, "experiment", None), "close", None)
            if close is not None:
                close()
        for path in self._first_files() - self.before:
            path.unlink(missing_ok=True)
        _remove_empty(self.missing)

    def _first_files(self) -> set[Path]:
        return {path for name in FIRST for path in self.folder.glob(name)}


def require_writable(folder: Path, key: str, value: object) -> None:
    """Try to write in a folder, and leave nothing there.

    Args:
        folder: need not be there.
        key: the setting that it follows from.
        value: of the setting.

    Raises:
        SettingError: if the folder cannot be made or written to.
    """
    missing = _missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4096)
    except OSError as failure:
        raise SettingError(
            f"{key} is '{value}', but nothing can be written to {folder} ({failure.strerror}): "
            "give a folder that you may write to, on a disk with room"
        ) from failure
    finally:
        _remove_empty(missing)


def _missing(folder: Path) -> list[Path]:
    """Those of a folder and the folders around it that are not there, from the inside out."""
    return [path for path in (folder, *folder.parents) if not _is_there(path)]


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        # One that is not empty holds what another run has put there.
        with contextlib.suppress(OSError):
            folder.rmdir()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False

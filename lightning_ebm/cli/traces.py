"""What a run leaves on disk before its first step, and how it is taken away again."""

from __future__ import annotations

from pathlib import Path

import lightning as L

from lightning_ebm.checkpoints.writable import missing_folders, remove_empty, require_writable

FIRST = ("config.yaml", "hparams.yaml", "events.out.tfevents.*", "metrics.csv")
"""Files that Lightning and its loggers write before a step is made."""


class Traces:
    """The folder in which a run logs, as it was before the run; its first process has it alone.

    Args:
        trainer: has made nothing yet.

    Raises:
        SettingError: if the folder cannot be made or written to.
    """

    def __init__(self, trainer: L.Trainer) -> None:
        self.trainer = trainer
        # The others would each find a name of its own, until they can ask.
        place = trainer.log_dir if trainer.is_global_zero else None
        self.folder = None if place is None else Path(place)
        if self.folder is None:
            return
        self.missing = missing_folders(self.folder)
        self.before = _first_files(self.folder)
        require_writable(self.folder, "trainer.default_root_dir", trainer.default_root_dir)

    def remove(self) -> None:
        """Take away what the run has written, unless it has made a step; nothing older."""
        trainer = self.trainer
        if self.folder is None or trainer.global_step > 0:
            return
        for logger in trainer.loggers:
            close = getattr(getattr(logger, "experiment", None), "close", None)
            if close is not None:
                close()
        for path in _first_files(self.folder) - self.before:
            path.unlink(missing_ok=True)
        remove_empty(self.missing)


def _first_files(folder: Path) -> set[Path]:
    return {path for name in FIRST for path in folder.glob(name)}

"""Whether a folder can be written to, found out before hours are spent on what goes there."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from lightning_ebm.errors import SettingError


def require_writable(folder: Path, key: str, value: object) -> None:
    """Try to write in a folder, and leave nothing there.

    Args:
        folder: need not be there.
        key: the setting that it follows from.
        value: of the setting.

    Raises:
        SettingError: if the folder cannot be made or written to.
    """
    missing = missing_folders(folder)
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
        remove_empty(missing)


def missing_folders(folder: Path) -> list[Path]:
    """Those of a folder and the folders around it that are not there, from the inside out."""
    return [path for path in (folder, *folder.parents) if not _is_there(path)]


def remove_empty(folders: list[Path]) -> None:
    """Remove folders, from the inside out, that nothing has been put into."""
    for folder in folders:
        # One that is not empty holds what another run has put there.
        with contextlib.suppress(OSError):
            folder.rmdir()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False

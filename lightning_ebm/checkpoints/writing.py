"""Files that are there whole or not at all, whenever the process is killed and wherever they lie.

They are written beside their target, flushed to the disk, and renamed. Lightning writes in the
system's temporary folder, and a move from there to another file system is a copy that can be cut.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import torch
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.strategies import Strategy

from lightning_ebm.errors import SettingError

UNFINISHED = ".lightning_ebm-{}.unfinished"
"""The name of a file that is being written; its writer holds a lock on it."""


class WholeFiles(TorchCheckpointIO):
    """Saves checkpoints whole or not at all; those at an address such as s3:// as Lightning does.

    `L.Trainer(plugins=[WholeFiles()])`; `EBMLightningModule` sees to it by itself.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: object | None = None,
    ) -> None:
        """Write the file.

        Raises:
            SettingError: if the disk is full or cannot be written to; what lay there still does.
        """
        file_system, local_path = url_to_fs(str(path))
        if storage_options is not None or not isinstance(file_system, LocalFileSystem):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        # Through memory: torch's own writer hides what the disk says behind an error of its own.
        contents = io.BytesIO()
        torch.save(checkpoint, contents)
        write_whole(Path(local_path), contents.getbuffer())


def copies_files(strategy: Strategy, path: str) -> bool:
    """Whether what a strategy saves under a path is one local file, which can be copied."""
    saves_plainly = type(strategy).save_checkpoint is Strategy.save_checkpoint
    return (
        saves_plainly
        and type(strategy.checkpoint_io) is WholeFiles
        and isinstance(url_to_fs(path)[0], LocalFileSystem)
    )


def copy_whole(source: Path, path: Path) -> None:
    """Let a file hold what another holds, or what it held before.

    A copy, for a link would make of what happens to one file the other's fate too.

    Raises:
        SettingError: if the disk is full or cannot be written to.
    """
    write_whole(path, source.read_bytes())


def write_whole(path: Path, contents: bytes | memoryview) -> None:
    """Write a file so that it holds either these contents or what it held before.

    Raises:
        SettingError: if the disk is full or cannot be written to.
    """
    unfinished = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent)
        with _begin(path.parent) as file:
            unfinished = Path(file.name)
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
            unfinished.replace(path)
        _sync_folder(path.parent)
    except BaseException as failure:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)
        if isinstance(failure, OSError):
            raise SettingError(_sentence(path, failure)) from failure
        raise


def remove_abandoned(folder: Path) -> None:
    """Remove what killed writers have left unfinished in a folder; living ones hold a lock."""
    for path in folder.glob(UNFINISHED.format("*")):
        # Gone already, or held, or on a file system without locks, where nobody can tell.
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def is_full(failure: OSError) -> bool:
    """Whether an error says that there is no room left."""
    return failure.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def _begin(folder: Path) -> BinaryIO:
    while True:
        file = (folder / UNFINISHED.format(secrets.token_hex(8))).open("xb")
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        # Between the two lines above another run may have taken it for abandoned.
        if os.fstat(file.fileno()).st_nlink > 0:
            return file
        file.close()


def _sync_folder(folder: Path) -> None:
    # Some network file systems refuse it; their renames last without.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sentence(path: Path, failure: OSError) -> str:
    if is_full(failure):
        return (
            f"there is no room to write {path} ({failure.strerror}): what was saved before is "
            "whole; free some space, then go on with --ckpt_path=last"
        )
    return f"cannot write {path} ({failure.strerror}): give a folder that can be written to"

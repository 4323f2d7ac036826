"""Opening a checkpoint from anywhere: no code of it runs, and each kind of damage has a sentence.

A checkpoint is a zip archive with a pickle in it. Unpickled freely it may run any code, so it is
read by PyTorch's loader of plain data alone.
"""

from __future__ import annotations

import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from lightning_ebm.errors import SettingError

OPTION = "--ckpt_path"
CHUNK = 2**22


def open_checkpoint(path: str | Path, key: str = OPTION) -> dict[str, Any]:
    """The contents of a checkpoint of this library, its tensors left in the file until used.

    Args:
        path: a file on this machine.
        key: the setting that names it.

    Raises:
        SettingError: if it is an address, missing, a folder, unreadable, empty, cut, or no
            checkpoint of this library.
    """
    file = require_file(path, key)
    if not _is_archive(file, key):
        raise SettingError(
            f"{key} is '{path}', which is no checkpoint, or was cut short as it was written: "
            "give a file that training wrote, an earlier one of the run if there is one"
        )
    _require_whole(file, key)
    try:
        contents = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as failure:
        raise SettingError(
            f"{key} is '{path}', which holds objects that only running code from the file would "
            "load, and it is not run: give a checkpoint that this library wrote"
        ) from failure
    # The file is whole, so that whatever fails is its kind: an archive of something else.
    except (RuntimeError, OSError, ValueError, EOFError, KeyError, AttributeError) as failure:
        raise SettingError(
            f"{key} is '{path}', an archive but no checkpoint: give a file that training wrote"
        ) from failure
    _require_ours(contents, path, key)
    ours: dict[str, Any] = contents
    return ours


def require_file(path: str | Path, key: str = OPTION) -> Path:
    """The path of a file that has something in it.

    Raises:
        SettingError: if it is an address, missing, a folder or empty.
    """
    if "://" in str(path):
        raise SettingError(
            f"{key} is '{path}', an address: nothing is loaded over a network; fetch the file "
            "and give its path"
        )
    file = Path(path)
    try:
        if file.is_dir():
            raise SettingError(
                f"{key} is '{path}', which is a folder and not a file: give a checkpoint in it, "
                "e.g. checkpoints/last.ckpt"
            )
        if not file.is_file():
            raise SettingError(
                f"{key} is '{path}', which is not a file: give a checkpoint, last or best"
            )
        if file.stat().st_size == 0:
            raise SettingError(
                f"{key} is '{path}', which is empty: give another checkpoint of the run"
            )
    except (OSError, ValueError) as failure:
        if isinstance(failure, SettingError):
            raise
        raise SettingError(
            f"{key} is '{path}', which cannot be read ({failure}): give a checkpoint"
        ) from failure
    return file


def _is_archive(file: Path, key: str) -> bool:
    try:
        with file.open("rb") as opened:
            return zipfile.is_zipfile(opened)
    except OSError as failure:
        raise SettingError(
            f"{key} is '{file}', which cannot be read ({failure.strerror}): mend its permissions, "
            "or give another checkpoint"
        ) from failure


def _require_whole(file: Path, key: str) -> None:
    """Refuse an archive in which a bit has changed: weights would be loaded as they are."""
    try:
        with zipfile.ZipFile(file) as archive:
            # PyTorch can be told to write no checksums, which are 0 then.
            for entry in (entry for entry in archive.infolist() if entry.CRC):
                with archive.open(entry) as opened:
                    while opened.read(CHUNK):
                        pass
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, zlib.error) as failure:
        raise SettingError(
            f"{key} is '{file}', which is damaged ({failure}): give another, an earlier one of "
            "the run if there is one"
        ) from failure


def _require_ours(contents: object, path: str | Path, key: str) -> None:
    if not isinstance(contents, dict) or not isinstance(contents.get("state_dict"), dict):
        raise SettingError(
            f"{key} is '{path}', which is no checkpoint of a run: give one that training wrote"
        )
    weights = contents["state_dict"]
    if not {"prepared", "reference.mean"} <= weights.keys():
        raise SettingError(
            f"{key} is '{path}', which is of another kind of model, with weights "
            f"{', '.join(list(weights)[:3]) or 'none'}: give a checkpoint that lightning fit of "
            "this library wrote"
        )

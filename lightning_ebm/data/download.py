"""Downloading a file so that it is either there, whole and right, or not there at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.request import urlopen

from lightning_ebm.data.idx import uncompressed
from lightning_ebm.errors import SettingError


def download(name: str, folder: Path, mirrors: Sequence[str], md5: str) -> None:
    """Fetch a file from the first mirror that has it, and put it into the folder.

    The checksum is of the uncompressed content, so a mirror may have compressed it its own way.

    Args:
        name: name of the file, on the mirrors and in the folder.
        folder: where it goes; made if need be.
        mirrors: addresses of the folders to fetch it from, in the order to try them.
        md5: MD5 of what is in the file, uncompressed.

    Raises:
        SettingError: if no mirror has the right file.
    """
    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{name}"
        try:
            content = _fetch(url, md5)
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"{url}: {error}")
        else:
            _write(content, folder / name)
            return
    raise SettingError(
        f"mirrors: {name} could not be downloaded ({'; '.join(failures) or 'none is given'}); "
        f"check the network or the mirrors, or put the file into {folder} yourself"
    )


def _fetch(url: str, md5: str) -> bytes:
    with urlopen(url, timeout=30) as response:
        content: bytes = response.read()
    found = hashlib.md5(uncompressed(content), usedforsecurity=False).hexdigest()
    if found != md5:
        raise ValueError(f"wrong checksum {found} where {md5} was expected")
    return content


def _write(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            # Temporary files are for their owner alone; data are for all who may read the folder.
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.remove(file.name)
            raise

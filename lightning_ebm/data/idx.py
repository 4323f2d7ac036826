"""Reading IDX, the file format of MNIST: a few bytes of shape, then the values.

Two zero bytes, the type (8 is uint8), the number of axes; the length of each axis as a big-endian
32-bit integer; the values, last axis fastest.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

from lightning_ebm.errors import SettingError


def read_idx(path: Path, axes: int) -> Tensor:
    """Read a file of bytes, gzipped or not, as a uint8 tensor.

    Args:
        path: the file.
        axes: number of axes it must have.

    Raises:
        SettingError: if the file is no IDX file of bytes with so many axes, cut short, or longer
            than it says.
    """
    try:
        content = uncompressed(path.read_bytes())
    except ValueError as error:
        raise SettingError(f"{path}: {error}; fetch the file again") from error
    magic = bytes([0, 0, 8, axes])
    if content[:4] != magic:
        raise SettingError(
            f"{path}: begins with {content[:4].hex(' ')} and not with {magic.hex(' ')}, so it is "
            f"no IDX file of bytes with {axes} axes; put the right file in its place"
        )
    start = 4 + 4 * axes
    if len(content) < start:
        raise SettingError(f"{path}: is truncated within its header; fetch the file again")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected, found = math.prod(shape), len(content) - start
    if found != expected:
        fault = "is truncated" if found < expected else "is too long"
        raise SettingError(
            f"{path}: {fault}: {found} bytes of values where its shape {shape} needs {expected}; "
            "fetch the file again"
        )
    if not expected:
        raise SettingError(f"{path}: holds nothing, its shape is {shape}; fetch the file again")
    # A bytearray, since torch wants memory that may be written to.
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=start).reshape(shape)


def uncompressed(content: bytes) -> bytes:
    """The content itself, taken out of its gzip wrapping if it has one.

    Raises:
        ValueError: if the wrapping is damaged or cut short.
    """
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except EOFError as error:
        raise ValueError("the gzip file is truncated") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"the gzip file is damaged ({error})") from error

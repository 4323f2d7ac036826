"""Reading `.npy`, `.npz` and `.pt`: one array, or several of which one is the items."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable

import numpy
import torch
from torch import Tensor

from lightning_ebm.data.source import Contents, Source
from lightning_ebm.errors import SettingError

Arrays = numpy.ndarray | dict[str, numpy.ndarray]


def read_arrays(source: Source, array: str | None, labels: str | None) -> Contents:
    """The items of a file and their labels.

    Args:
        source: the file.
        array: name of the items, where there are several arrays.
        labels: name of the labels, or None for none.

    Raises:
        SettingError: if the file is damaged, needs code to be run, or has no such array.
    """
    found = _READERS[source.suffix](source)
    if isinstance(found, numpy.ndarray):
        for key, name in (("array", array), ("labels", labels)):
            if name is not None:
                raise SettingError(
                    f"{key} is '{name}', but {source.value} holds one array without a name: leave "
                    f"{key} out, or save all in one file of several (numpy.savez, or torch.save "
                    "of a dictionary)"
                )
        return Contents(found, None)
    if not found:
        raise SettingError(f"{source}, which holds no array: save one under a name")
    if array is None:
        others = [name for name in found if name != labels]
        if len(others) != 1:
            raise SettingError(
                f"array is missing, and {source.value} has several: give one of "
                f"{', '.join(others) or 'them'}"
            )
        array = others[0]
    return Contents(
        source.named("array", array, found),
        None if labels is None else source.named("labels", labels, found),
    )


def _read_numpy(source: Source) -> Arrays:
    found = numpy.load(source.path, allow_pickle=False)
    if isinstance(found, numpy.ndarray):
        return found
    with found as archive:
        return {name: archive[name] for name in archive.files}


def _read_torch(source: Source) -> Arrays:
    found = torch.load(source.path, map_location="cpu", weights_only=True)
    if isinstance(found, Tensor):
        return _as_array(found)
    if isinstance(found, dict) and found and all(isinstance(k, str) for k in found):
        return {name: _as_array(v) for name, v in found.items() if isinstance(v, Tensor)}
    raise SettingError(
        f"{source}, which holds a {type(found).__name__}: save a tensor by torch.save, or a "
        "dictionary of tensors by name"
    )


def _as_array(tensor: Tensor) -> numpy.ndarray:
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return tensor.detach().to_dense().numpy() if tensor.is_sparse else tensor.detach().numpy()


def _or_refuse(read: Callable[[Source], Arrays], remedy: str) -> Callable[[Source], Arrays]:
    """The reader, whose own complaints become a sentence."""

    def safely(source: Source) -> Arrays:
        try:
            return read(source)
        except SettingError:
            raise
        except (
            OSError,
            ValueError,
            EOFError,
            RuntimeError,
            zipfile.BadZipFile,
            pickle.UnpicklingError,
        ) as failure:
            reason = str(failure).strip().split("\n")[0].split(". ")[0]
            raise SettingError(f"{source}, which cannot be read ({reason}): {remedy}") from failure

    return safely


_READERS = {
    ".npy": _or_refuse(_read_numpy, "save an array of numbers by numpy.save"),
    ".npz": _or_refuse(_read_numpy, "save arrays of numbers or words by numpy.savez"),
    ".pt": _or_refuse(_read_torch, "save a tensor, or a dictionary of tensors, by torch.save"),
}
ARRAY_SUFFIXES = tuple(_READERS)

"""What class each item has: labels of anybody's, whole numbers or words, as codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import torch
from torch import Tensor

from lightning_ebm.data.source import Contents, Source
from lightning_ebm.errors import SettingError


def require_labels(
    labels: object, classes: Sequence[int | str] | None, weights: list[float] | None
) -> None:
    """Refuse a choice of classes where no labels are named.

    Raises:
        SettingError: if there is one.
    """
    for key, value in (("classes", classes), ("class_weights", weights)):
        if value is not None and labels is None:
            raise SettingError(
                f"{key} is {value}, but labels is null: say where the class of each item is"
            )


def require_labels_in_all(
    read: Sequence[tuple[Source, Contents]],
    classes: Sequence[int | str] | None,
    weights: list[float] | None,
) -> None:
    """Refuse classes of training items that have none, and sets only some of which have labels.

    Args:
        read: sources and what they hold, that of training first.
        classes: classes to keep, if any are named.
        weights: weight of each, if any are given.

    Raises:
        SettingError: if there are such.
    """
    (source, training), *others = read
    for key, value in (("classes", classes), ("class_weights", weights)):
        if value is not None and training.labels is None:
            raise SettingError(
                f"{key} is {value}, but {source.value} says of no item what class it has: leave "
                "it out, or give classes (images in sub-folders)"
            )
    for other, contents in others:
        if (contents.labels is None) != (training.labels is None):
            has, not_so = ("no", "have") if contents.labels is None else ("a", "have none")
            raise SettingError(
                f"{other}, whose items have {has} class, but those of {source.value} {not_so}: "
                "give classes in both, or in neither"
            )


def class_names(labels: numpy.ndarray | None) -> list[str] | None:
    """Names by number, where labels are words; None where they are numbers, or there are none."""
    if labels is None or labels.dtype.kind not in "USTO":
        return None
    return sorted({str(label) for label in labels.tolist()})


def codes_of(source: Source, given: numpy.ndarray, n: int, names: list[str] | None) -> Tensor:
    """The class of each of n items, int64 `(n,)`.

    Args:
        source: where the items come from.
        given: their labels.
        n: how many there are.
        names: names of the classes by number, where labels are words.

    Raises:
        SettingError: if there is not one for each, or one is neither number nor known.
    """
    labels = numpy.asarray(given)
    if labels.shape != (n,):
        raise SettingError(
            f"labels of {source.value} have shape {list(labels.shape)} for {n} items: give one "
            "for each"
        )
    missing = [place for place, label in enumerate(labels.tolist()) if _is_missing(label)]
    if missing:
        raise SettingError(
            f"labels of {source.value} are missing in {len(missing)} of {n} items, first in item "
            f"{missing[0]}: give each item one, or take these out"
        )
    if names is not None:
        return _numbers(source, labels, names)
    if labels.dtype.kind not in "biu":
        raise SettingError(
            f"labels of {source.value} are of type {labels.dtype}: give whole numbers or words"
        )
    return torch.from_numpy(labels.astype(numpy.int64))


def _is_missing(label: object) -> bool:
    return label is None or label == "" or label != label


def _numbers(source: Source, labels: numpy.ndarray, names: list[str]) -> Tensor:
    known = {name: number for number, name in enumerate(names)}
    words = [str(label) for label in labels.tolist()]
    for word in words:
        if word not in known:
            raise SettingError(
                f"labels of {source.value} have '{word}', which training items have not: they "
                f"have {', '.join(known)}"
            )
    return torch.tensor([known[word] for word in words])

"""The points of a batch, whoever's data module made it."""

from __future__ import annotations

from typing import Any

import numpy
import torch
from torch import Tensor

from lightning_ebm.errors import SettingError

WANTED = "a tensor or array of points, or a sequence that begins with one"


def points_of(batch: Any, like: Tensor) -> Tensor:  # noqa: ANN401 - anybody's data
    """The points `(n, *event)` of a batch, in the type of the model.

    Args:
        batch: a tensor or array of points, or a sequence that begins with one; of any real type.
        like: of the type that is wanted, and of the shape of one point where that is known; a
            single number where it is not.

    Raises:
        SettingError: if the batch is something else, has points of another shape, or a number
            that is not finite.
    """
    begins = isinstance(batch, (list, tuple)) and len(batch) > 0
    points = _as_tensor(batch[0] if begins else batch)
    if points.dim() < 2 or 0 in points.shape[1:]:
        raise SettingError(
            f"data gives batches of shape {tuple(points.shape)}, but points have an axis at least "
            "besides that of the batch, (n, *event): reshape them"
        )
    if like.dim() > 0 and points.shape[1:] != like.shape:
        raise SettingError(
            f"data has points of shape {list(points.shape[1:])}, but the model was made for "
            f"{list(like.shape)}: give the data that it was trained on, or of that shape"
        )
    require_finite_points(points, " of a batch")
    return points.to(like)


def require_finite_points(points: Tensor, whose: str = "") -> None:
    """Refuse points `(n, *event)` of data, in words `whose`, that are not finite.

    Raises:
        SettingError: if a number of one is not.
    """
    if not points.isfinite().all():
        bad = int((~points.isfinite()).flatten(1).any(1).sum())
        raise SettingError(
            f"data has NaN or infinite values in {bad} of the {len(points)} points{whose}: "
            "take these points out, or mend them"
        )


def _as_tensor(batch: object) -> Tensor:
    if isinstance(batch, dict):
        keys = ", ".join(map(str, batch)) or "none"
        raise SettingError(f"data gives batches that are dictionaries (keys: {keys}): {_remedy()}")
    if isinstance(batch, numpy.ndarray) and batch.dtype.kind in "biuf":
        batch = torch.from_numpy(batch)
    if not isinstance(batch, Tensor):
        kind = f"{batch.dtype} array" if isinstance(batch, numpy.ndarray) else type(batch).__name__
        raise SettingError(f"data gives batches of type {kind}: {_remedy()}")
    if batch.is_complex() or batch.layout != torch.strided or batch.is_quantized:
        raise SettingError(
            f"data gives batches of {batch.dtype}, {batch.layout}: {_remedy()}, dense and real"
        )
    return batch


def _remedy() -> str:
    return f"give {WANTED} (a data loader's collate_fn can pick it)"

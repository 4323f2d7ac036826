"""The data module of a user's own items: three sources or shares of one, scaling, labels."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, NamedTuple

import numpy
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lightning_ebm.data.items import Stored
from lightning_ebm.data.labels import class_names, codes_of, require_labels_in_all
from lightning_ebm.data.scaling import fitted, require_scaling
from lightning_ebm.data.source import Contents, Source
from lightning_ebm.data.stored import StoredData
from lightning_ebm.errors import SettingError
from lightning_ebm.needed import needed
from lightning_ebm.ranges import is_number, require_count, require_shape
from lightning_ebm.transforms import Transform


class Sources(NamedTuple):
    """Where the three sets come from; None for one that is a share of the first."""

    train: Source
    validation: Source | None
    test: Source | None


class OwnData(StoredData):
    """Items of anybody's, in one source that is split by shares, or in one for each set.

    To implement one: write `load`.

    Args:
        sources: where the sets come from.
        shares: shares of all items that validation and test get where they have no source.
        scaling: `none`, `standardise`, `range` or `logit`, fitted to the training set.
        levels: number of values that a coordinate can take, if they are integers from 0; they are
            then dequantised. None for any numbers.
        event_shape: shape that an item is brought into, or None for that which it has.

    The other arguments are those of `StoredData`.

    Raises:
        SettingError: if a setting is out of its range.
    """

    def __init__(
        self,
        sources: Sources,
        shares: tuple[float, float],
        scaling: str,
        levels: int | None,
        event_shape: list[int] | None,
        noise: float,
        batch_size: int,
        classes: list[int | str] | None,
        class_weights: list[float] | None,
        seed: int,
    ) -> None:
        super().__init__(batch_size, classes, class_weights, noise, seed)
        require_count("levels", levels, least=2, most=256, null="any numbers")
        for key, share in zip(("validation_share", "test_share"), shares, strict=True):
            if not (is_number(share) and 0 <= share < 1):
                raise SettingError(
                    f"{key} is {share}: give a share of all items, from 0 to below 1"
                )
        if event_shape is not None:
            require_shape("event_shape", event_shape)
        self.sources = sources
        self.shares = shares
        self.scaling = require_scaling(scaling)
        self.levels = levels
        self.own_shape = event_shape

    @abstractmethod
    def load(self, source: Source) -> Contents:
        """Read a source."""

    def parts(self) -> tuple[Stored, Stored | None, Stored | None]:
        """Read the sources, as numbers of one shape."""
        read = [None if source is None else self.load(source) for source in self.sources]
        found = [(s, c) for s, c in zip(self.sources, read, strict=True) if s and c]
        require_labels_in_all(found, self.classes, self.class_weights)
        self.class_names = class_names(needed(read[0]).labels)
        parts = [
            None if source is None else self._stored(source, needed(contents))
            for source, contents in zip(self.sources, read, strict=True)
        ]
        train, validation, test = needed(parts[0]), *parts[1:]
        for source, part in zip(self.sources, parts, strict=True):
            if part is not None and part.values.shape[1:] != train.values.shape[1:]:
                raise SettingError(
                    f"{source}, with items of shape {list(part.values.shape[1:])}, but those of "
                    f"{self.sources.train.value} have {list(train.values.shape[1:])}: give "
                    "items of one shape"
                )
        return train, validation, test

    def sizes(self, total: int) -> tuple[int, int]:
        """Numbers of items that are the shares of all.

        Raises:
            SettingError: if a share comes to no item, or nothing is left.
        """
        counts = []
        own = zip(("validation_share", "test_share"), self.shares, self.sources[1:], strict=True)
        for key, share, source in own:
            count = 0 if source is not None else round(share * total)
            if source is None and share > 0 and count == 0:
                raise SettingError(
                    f"{key} is {share}, and of {total} items that is none: give more, or 0"
                )
            counts.append(count)
        if sum(counts) >= total:
            raise SettingError(
                f"validation_share and test_share are {self.shares[0]} and {self.shares[1]}, "
                f"which leaves nothing of {total} items to train on: lower them"
            )
        return counts[0], counts[1]

    def transform_for(self, values: Tensor) -> Transform:
        """The scaling as it fits the training items."""
        x = values if self.levels is None else values.double() / self.levels
        return fitted(self.scaling, x, self.levels)

    def test_dataloader(self) -> DataLoader[Any]:
        """Test batches, in order.

        Raises:
            SettingError: if there are no test items.
        """
        if not len(self._test):
            raise SettingError("test_share is 0, and there is no other test set: give either")
        return super().test_dataloader()

    def _stored(self, source: Source, contents: Contents) -> Stored:
        values = self._levels(source, self._finite(source, self._shaped(source, contents.values)))
        if contents.labels is None:
            return Stored(values)
        return Stored(values, codes_of(source, contents.labels, len(values), self.class_names))

    def _shaped(self, source: Source, values: numpy.ndarray) -> numpy.ndarray:
        if values.dtype.kind not in "biuf":
            raise SettingError(f"{source}, with values of type {values.dtype}: give real numbers")
        if values.size == 0:
            what = "items" if not len(values) else "numbers in its items"
            raise SettingError(f"{source}, which has no {what}: give some")
        if self.own_shape is not None:
            if values.size != len(values) * math.prod(self.own_shape):
                raise SettingError(
                    f"event_shape is {list(self.own_shape)}, but {source.value} has values of "
                    f"shape {list(values.shape)}: the numbers of one item must agree"
                )
            return values.reshape(len(values), *self.own_shape)
        if values.ndim < 2:
            raise SettingError(
                f"{source}, with values of shape {list(values.shape)}, but items have an axis at "
                "least besides that which counts them: reshape it, or give event_shape, e.g. [1]"
            )
        return values

    def _finite(self, source: Source, values: numpy.ndarray) -> numpy.ndarray:
        # As models see them: what float32 has no room for is infinite.
        with numpy.errstate(over="ignore"):
            sound = numpy.isfinite(values.astype(numpy.float32)).reshape(len(values), -1).all(1)
        if not sound.all():
            first = int((~sound).argmax())
            raise SettingError(
                f"{source}, with NaN or infinite values in {int((~sound).sum())} of {len(values)} "
                f"items, first in item {first}: take them out, or mend them"
            )
        return values

    def _levels(self, source: Source, values: numpy.ndarray) -> Tensor:
        if self.levels is None:
            return torch.from_numpy(values.astype(numpy.float64))
        outside = (values < 0) | (values >= self.levels) | (values != numpy.floor(values))
        if outside.any():
            raise SettingError(
                f"levels is {self.levels}, but {source.value} has {values[outside][0]}: give the "
                f"number of values that there are, 0 to levels - 1, or leave it out"
            )
        return torch.from_numpy(values.astype(numpy.uint8))

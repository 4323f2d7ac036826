"""The data module of items held in memory as they are stored: choice, split, noise, batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import ArrayLike
from torch import Generator, Tensor
from torch.utils.data import DataLoader

from lightning_ebm.data.class_weights import choose, split_off
from lightning_ebm.data.items import FreshItems, Stored, subset
from lightning_ebm.data.loading import (
    MOST_POINTS,
    MOST_SEED,
    Rows,
    data_seed,
    evaluation_loader,
    training_loader,
)
from lightning_ebm.data.model_space import ModelSpace
from lightning_ebm.errors import SettingError
from lightning_ebm.needed import needed
from lightning_ebm.ranges import require_count
from lightning_ebm.transforms import GaussianNoise, Transform

OF_TRAINING, LABELLED = 0, 4
OF_OWN = (5, 1)
FIXED_NOISE = (2, 3)
"""Purposes for which random numbers are drawn, each from a stream of its own: the choice of
training items, the labelled ones; the choice of validation and of test items with a source of
their own; the fixed noise of the two."""


class StoredData(ABC, LightningDataModule):
    """Items in memory, chosen by class, split in three, and brought into the model's space.

    Training items get fresh noise each time they are seen; validation and test items keep that
    drawn at the start. Batches are points `(n, *event)`, float32, or, where items have labels,
    tuples of points and labels `(n,)`, int64.

    To implement one: write `parts`, `sizes` and `transform_for`.

    Args:
        batch_size: items per batch, in each process.
        classes: classes to keep; all of them when left out.
        class_weights: relative weight of each class in all three sets; when left out, classes
            weigh what they weigh as stored. As many items are kept as the weights allow.
        noise: standard deviation of the Gaussian noise added last, in the model's space.
        seed: decides which items are kept, which are held out, and their fixed noise.

    Attributes:
        levels: number of values a coordinate can take; None where it is any number.
        class_names: name of each class by its number; None where numbers are names.
        kept_classes: the classes kept, once `setup` has run; none where items have no labels.
        class_proportions: proportion `(K,)` of each of them in the training set, after `setup`.

    Raises:
        SettingError: if a setting is out of its range.
    """

    levels: int | None = None
    class_names: list[str] | None = None

    def __init__(
        self,
        batch_size: int,
        classes: Sequence[int | str] | None,
        class_weights: list[float] | None,
        noise: float,
        seed: int,
    ) -> None:
        super().__init__()
        require_count("batch_size", batch_size, most=MOST_POINTS)
        require_count("seed", seed, least=0, most=MOST_SEED)
        self.batch_size = batch_size
        self.classes = classes
        self.class_weights = class_weights
        self.seed = seed
        self.noise = GaussianNoise(noise)
        self._train: FreshItems | None = None

    @abstractmethod
    def parts(self) -> tuple[Stored, Stored | None, Stored | None]:
        """Read the training, validation and test items; None for a set taken from the first."""

    @abstractmethod
    def sizes(self, total: int) -> tuple[int, int]:
        """Items of all `total` to take for validation and test, where `parts` gives none."""

    @abstractmethod
    def transform_for(self, values: Tensor) -> Transform:
        """The invertible map of values, or of levels over their number, by the training values."""

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one item, known once `setup` has run.

        Raises:
            RuntimeError: if it has not.
        """
        if self._train is None:
            raise RuntimeError("event_shape is known once the data are read: call setup first")
        return tuple(self._train.items.values.shape[1:])

    def setup(self, stage: str | None = None) -> None:
        """Read the items, choose among them and draw the fixed noise, the first time."""
        if self._train is not None:
            return
        train, *held_out = self._split(*self.parts())
        self.transform = self.transform_for(train.values)
        self.space = ModelSpace(self.transform, self.noise, self.levels)
        if self.levels is None:
            self.extremes = (float(train.values.min()), float(train.values.max()))
        self._validation, self._test = (
            self._with_fixed_noise(items, purpose)
            for items, purpose in zip(held_out, FIXED_NOISE, strict=True)
        )
        self._train = FreshItems(self._prepared(train), self.space)

    def train_dataloader(self) -> DataLoader[Any]:
        """Training batches, shuffled, all of `batch_size` items, with fresh noise."""
        processes = self.trainer.world_size if self.trainer is not None else 1
        return training_loader(needed(self._train), self.batch_size, processes)

    def val_dataloader(self) -> DataLoader[Any]:
        """Validation batches, in order; none if there is no validation set."""
        return evaluation_loader(self._validation, self.batch_size)

    def test_dataloader(self) -> DataLoader[Any]:
        """Test batches, in order."""
        return evaluation_loader(self._test, self.batch_size)

    def to_model(self, values: ArrayLike) -> Tensor:
        """Points `(n, *event)` of the model's space, float32, of values in the units of the data.

        Scaled as the training items are. Levels are dequantised and noise is added as in the
        test set: the same each time, by `seed`.

        Args:
            values: numbers or levels `(n, *event)`, as `setup` reads them.

        Raises:
            SettingError: if `setup` has not run, or items have another shape.
        """
        space, stored = self._known_space(), torch.as_tensor(numpy.asarray(values))
        if tuple(stored.shape[1:]) != self.event_shape:
            raise SettingError(
                f"values have shape {list(stored.shape)}, but items have "
                f"{list(self.event_shape)}: give (n, *event)"
            )
        generator = Generator().manual_seed(data_seed(self.seed, FIXED_NOISE[1]))
        return space.points(space.prepared(stored), generator)

    def to_data(self, x: Tensor) -> Tensor:
        """Values in the units of the data of points `(n, *event)`, samples say, of the model's.

        Noise that was added stays in them. Levels are whole numbers, uint8, others float64.

        Raises:
            SettingError: if `setup` has not run.
        """
        return self._known_space().stored(x)

    def to_images(self, x: Tensor) -> Tensor:
        """Turn points `(n, channels, h, w)` of the model's space into pictures in [0, 1]."""
        values = self.transform.inverse(x)
        if self.levels is None:
            low, high = self.extremes
            values = (values - low) / (high - low)
        return values.clamp(0, 1)

    def labelled_points(self, n: int) -> tuple[Tensor, Tensor]:
        """At most n training items, always the same, and their places in `kept_classes`."""
        prepared = needed(self._train).items
        generator = Generator().manual_seed(data_seed(self.seed, LABELLED))
        rows = torch.randperm(len(prepared.values), generator=generator)[:n]
        places = torch.tensor(self._codes).argsort()
        ordered = torch.tensor(self._codes)[places]
        labels = places[torch.searchsorted(ordered, needed(prepared.labels)[rows])]
        return self.space.points(prepared.values[rows], generator), labels

    def bits_per_dimension(self, negative_log_prob: Tensor, x: Tensor) -> Tensor | None:
        """Bits `(n,)` per stored level: see `ModelSpace.bits_per_dimension`."""
        return self.space.bits_per_dimension(negative_log_prob, x)

    def nll_in_data_units(self, negative_log_prob: Tensor, x: Tensor) -> Tensor | None:
        """-log p `(n,)` of the values as stored: see `ModelSpace.nll_in_data_units`."""
        return self.space.nll_in_data_units(negative_log_prob, x)

    def _known_space(self) -> ModelSpace:
        if self._train is None:
            raise SettingError("the scaling is known once the data are read: call setup first")
        return self.space

    def _split(self, every: Stored, *own: Stored | None) -> tuple[Stored, Stored, Stored]:
        chosen = self._choose(every, OF_TRAINING)
        total = sum(len(items) for items in chosen.values())
        taken, rest = split_off(chosen, self.sizes(total))
        self._codes = list(chosen)
        names = self.class_names
        kept = [code if names is None else names[code] for code in chosen]
        self.kept_classes = [] if every.labels is None else kept
        counts = torch.tensor([len(items) for items in rest.values()])
        self.class_proportions = counts / counts.sum()
        validation, test = (
            subset(every, items) if other is None else subset(other, self._choice(other, purpose))
            for items, other, purpose in zip(taken, own, OF_OWN, strict=True)
        )
        # In the order of the files, so that the first batches are no single class.
        return subset(every, torch.cat(list(rest.values())).sort().values), validation, test

    def _choice(self, items: Stored, purpose: int) -> Tensor:
        return torch.cat(list(self._choose(items, purpose).values())).sort().values

    def _choose(self, items: Stored, purpose: int) -> dict[int, Tensor]:
        generator = Generator().manual_seed(data_seed(self.seed, purpose))
        labels = items.labels
        if labels is None:
            labels = torch.zeros(len(items.values), dtype=torch.int64)
        return choose(labels, self.classes, self.class_weights, generator, self.class_names)

    def _prepared(self, items: Stored) -> Stored:
        return Stored(self.space.prepared(items.values), items.labels)

    def _with_fixed_noise(self, items: Stored, purpose: int) -> Rows:
        generator = Generator().manual_seed(data_seed(self.seed, purpose))
        points = self.space.points(self.space.prepared(items.values), generator)
        return Rows(points if items.labels is None else (points, items.labels))

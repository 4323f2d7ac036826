"""How data sets are seeded and iterated over: whole batches at once, streams kept apart."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import require_count

Batch = TypeVar("Batch")
MOST_POINTS = 10**8
"""The most points that a data set is drawn with: they are held in memory."""
MOST_SEED = 2**63
"""The largest seed."""


class SizedDataset(Dataset[Any], ABC):
    """A data set that knows how many items it has."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of items."""


class Rows(SizedDataset):
    """Tensors of one length, indexed by a whole batch at once.

    Args:
        tensors: one tensor, whose batches are tensors, or a tuple, whose batches are tuples.
    """

    def __init__(self, tensors: Tensor | tuple[Tensor, ...]) -> None:
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors if isinstance(self.tensors, Tensor) else self.tensors[0])

    def __getitem__(self, index: int | list[int]) -> Tensor | tuple[Tensor, ...]:
        if isinstance(self.tensors, Tensor):
            return self.tensors[index]
        return tuple(tensor[index] for tensor in self.tensors)

    __getitems__ = __getitem__


def training_loader(dataset: SizedDataset, batch_size: int, processes: int) -> DataLoader[Any]:
    """Shuffled whole batches of a data set; in training the order is a function of the run's seed.

    Raises:
        SettingError: if the share of one process does not fill one batch.
    """
    share = math.ceil(len(dataset) / processes)
    if not 1 <= batch_size <= share:
        raise SettingError(
            f"batch_size: {batch_size} is out of range; each of {processes} process(es) has "
            f"{share} training items, so give 1 to {share}"
        )
    return DataLoader(
        dataset, batch_size, shuffle=True, drop_last=True, collate_fn=already_a_batch
    )


def evaluation_loader(dataset: Dataset[Any], batch_size: int) -> DataLoader[Any]:
    """All items in order, the last batch as small as it comes.

    Every loader draws a seed for its workers when iterated over, wanted or not. With a generator
    of its own, looking at the validation set leaves the global stream where it was.
    """
    return DataLoader(dataset, batch_size, collate_fn=already_a_batch, generator=torch.Generator())


def already_a_batch(batch: Batch) -> Batch:
    """Collate nothing: the data set has indexed the whole batch."""
    return batch


def data_seed(seed: int, purpose: int) -> int:
    """A seed for one purpose: a stream apart from those of other purposes and of training.

    Raises:
        SettingError: if seed is negative.
    """
    require_count("seed", seed, least=0, most=MOST_SEED)
    sequence = numpy.random.SeedSequence(seed, spawn_key=(purpose,))
    return int(sequence.generate_state(1, numpy.uint64)[0] >> numpy.uint64(1))

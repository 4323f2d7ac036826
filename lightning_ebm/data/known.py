"""A data module whose data are drawn from a known density."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from lightning_ebm.data.density import Density
from lightning_ebm.data.loading import (
    MOST_POINTS,
    MOST_SEED,
    Rows,
    data_seed,
    evaluation_loader,
    training_loader,
)
from lightning_ebm.ranges import require_count


class KnownDensity(LightningDataModule):
    """Training, validation and test sets drawn once from a known density.

    They are a function of the seed alone: the same in every process, whatever was drawn before,
    and drawing them leaves the global generator as it was. Batches are tensors `(n, *event)`,
    float32.

    Args:
        density: where the data come from.
        train_size: number of training points.
        test_size: number of test points, and of validation points.
        batch_size: points per batch, in each process.
        seed: what the three sets are drawn with.

    Raises:
        SettingError: if a size is not positive, the batch larger than the training set, or the
            seed negative.
    """

    def __init__(
        self,
        density: Density,
        train_size: int = 10_000,
        test_size: int = 10_000,
        batch_size: int = 512,
        seed: int = 0,
    ) -> None:
        super().__init__()
        require_count("train_size", train_size, most=MOST_POINTS)
        require_count("test_size", test_size, most=MOST_POINTS)
        require_count("batch_size", batch_size, most=MOST_POINTS)
        require_count("seed", seed, least=0, most=MOST_SEED)
        self.density = density
        self.train_size = train_size
        self.test_size = test_size
        self.batch_size = batch_size
        self.seed = seed
        self._sets: list[Rows] = []

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one point."""
        return self.density.event_shape

    def setup(self, stage: str | None = None) -> None:
        """Draw the three sets, the first time."""
        if not self._sets:
            sizes = (self.train_size, self.test_size, self.test_size)
            self._sets = [Rows(self._draw(size, purpose)) for purpose, size in enumerate(sizes)]

    def train_dataloader(self) -> DataLoader[Any]:
        """Training batches, shuffled, all of `batch_size` points."""
        processes = self.trainer.world_size if self.trainer is not None else 1
        return training_loader(self._sets[0], self.batch_size, processes)

    def val_dataloader(self) -> DataLoader[Any]:
        """Validation batches, in order."""
        return evaluation_loader(self._sets[1], self.batch_size)

    def test_dataloader(self) -> DataLoader[Any]:
        """Test batches, in order."""
        return evaluation_loader(self._sets[2], self.batch_size)

    def _draw(self, size: int, purpose: int) -> Tensor:
        # Only the generator of the CPU is seeded, so only that one must be put back.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(data_seed(self.seed, purpose))
            return self.density.sample(size).float()

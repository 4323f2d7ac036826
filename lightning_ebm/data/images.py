"""The data module that all image data share: class weights, dequantisation, noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from lightning.pytorch import LightningDataModule
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

from lightning_ebm.data.class_weights import choose, share_out
from lightning_ebm.data.loading import (
    MOST_POINTS,
    MOST_SEED,
    Rows,
    data_seed,
    evaluation_loader,
    training_loader,
)
from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import require_count
from lightning_ebm.transforms import (
    Dequantise,
    GaussianNoise,
    Logit,
    Scale,
    Transform,
    bits_per_dimension,
)


class LabelledImages(NamedTuple):
    """Images as they are stored.

    Attributes:
        pixels: integer levels, uint8 `(n, h, w)`.
        labels: class of each image, int64 `(n,)`.
    """

    pixels: Tensor
    labels: Tensor


class ImageData(ABC, LightningDataModule):
    """Grey images with labels, brought into the space a model lives in.

    Pixels v become x = (v + u) / levels, then y = T(x), then y plus noise. Training images get a
    fresh u and noise each time they are seen; validation and test images keep those drawn at the
    start. Batches are tuples of images `(n, 1, h, w)`, float32, and labels `(n,)`, int64.

    To implement one: set `levels` and write `read`; `prepare_data` too if there is something to
    fetch.

    Args:
        batch_size: images per batch, in each process.
        classes: labels to keep; all of them when left out.
        class_weights: relative weight of each class in all three sets; when left out, classes
            weigh what they weigh in the files. As many images are kept as the weights allow.
        validation_size: number of images taken from the training set for validation, in the same
            proportions.
        noise: standard deviation of the Gaussian noise added last, in the units of `space`.
        space: `symmetric` stretches pixels to [-1, 1], `logit` opens them to the real line.
        seed: decides which images are kept, which are for validation, and their fixed noise.

    Attributes:
        levels: number of values a pixel can take.
        transform: the invertible map T from [0, 1].
        kept_classes: the labels kept, once `setup` has run.
        class_proportions: proportion `(K,)` of each of them in the training set, after `setup`.

    Raises:
        SettingError: if a setting is out of its range.
    """

    levels: int = 256

    def __init__(
        self,
        batch_size: int = 128,
        classes: list[int] | None = None,
        class_weights: list[float] | None = None,
        validation_size: int = 0,
        noise: float = 0.0,
        space: Literal["symmetric", "logit"] = "symmetric",
        seed: int = 0,
    ) -> None:
        super().__init__()
        transforms: dict[str, Transform] = {"symmetric": Scale(), "logit": Logit()}
        if space not in transforms:
            raise SettingError(f"space: {space!r} is unknown; choose from {list(transforms)}")
        if not 0 <= noise < float("inf"):
            raise SettingError(f"noise: {noise} is no standard deviation; give 0 or more")
        require_count("batch_size", batch_size, most=MOST_POINTS)
        require_count("validation_size", validation_size, least=0, most=MOST_POINTS)
        require_count("seed", seed, least=0, most=MOST_SEED)
        self.batch_size = batch_size
        self.classes = classes
        self.class_weights = class_weights
        self.validation_size = validation_size
        self.seed = seed
        self.transform = transforms[space]
        self._noise = GaussianNoise(noise)
        self._dequantise = Dequantise(self.levels)
        self._train: _FreshImages | None = None

    @abstractmethod
    def read(self) -> tuple[LabelledImages, LabelledImages]:
        """The training and the test images, all of them."""

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape (1, h, w) of one image, known once `setup` has run.

        Raises:
            RuntimeError: if it has not.
        """
        if self._train is None:
            raise RuntimeError("event_shape is known once the images are read: call setup first")
        return (1, *self._train.images.pixels.shape[1:])

    def setup(self, stage: str | None = None) -> None:
        """Read the images, choose among them and draw the fixed noise, the first time."""
        if self._train is not None:
            return
        train, test = self.read()
        train_items, validation_items = self._split(train.labels)
        test_items = torch.cat(list(self._choose(test.labels, purpose=1).values())).sort().values
        self._validation = self._with_fixed_noise(_take(train, validation_items), purpose=2)
        self._test = self._with_fixed_noise(_take(test, test_items), purpose=3)
        self._train = _FreshImages(_take(train, train_items), self)

    def train_dataloader(self) -> DataLoader:
        """Training batches, shuffled, all of `batch_size` images, with fresh noise."""
        processes = self.trainer.world_size if self.trainer is not None else 1
        return training_loader(self._train, self.batch_size, processes)

    def val_dataloader(self) -> DataLoader:
        """Validation batches, in order; none if there is no validation set."""
        return evaluation_loader(self._validation, self.batch_size)

    def test_dataloader(self) -> DataLoader:
        """Test batches, in order."""
        return evaluation_loader(self._test, self.batch_size)

    def to_images(self, x: Tensor) -> Tensor:
        """Turn points `(n, 1, h, w)` of the model's space into pictures in [0, 1]."""
        return self.transform.inverse(x).clamp(0, 1)

    def to_model_space(self, pixels: Tensor, generator: Generator | None = None) -> Tensor:
        """Turn integer pixels `(..., h, w)` into points `(..., 1, h, w)` of the model's space.

        The noise comes from `generator`, or from the global one.
        """
        x = self._dequantise.forward(pixels.unsqueeze(-3), generator)
        return self._noise.forward(self.transform.forward(x), generator)

    def labelled_points(self, n: int) -> tuple[Tensor, Tensor]:
        """At most n training images, always the same, and their places in `kept_classes`."""
        images = self._train.images
        generator = Generator().manual_seed(data_seed(self.seed, purpose=4))
        rows = torch.randperm(len(images.labels), generator=generator)[:n]
        places = torch.tensor(self.kept_classes).argsort()
        ordered = torch.tensor(self.kept_classes)[places]
        labels = places[torch.searchsorted(ordered, images.labels[rows])]
        return self.to_model_space(images.pixels[rows], generator), labels

    def bits_per_dimension(self, negative_log_prob: Tensor, x: Tensor) -> Tensor | None:
        """Bits `(n,)` per pixel of points with these -log p, a bound for the stored pixels.

        None if noise was added, since the density of noisy images says nothing of the pixels.
        """
        if self._noise.scale > 0:
            return None
        log_det = self.transform.log_det(self.transform.inverse(x))
        return bits_per_dimension(
            -negative_log_prob, log_det.to(negative_log_prob), x[0].numel(), self.levels
        )

    def _choose(self, labels: Tensor, purpose: int) -> dict[int, Tensor]:
        generator = Generator().manual_seed(data_seed(self.seed, purpose))
        return choose(labels, self.classes, self.class_weights, generator)

    def _split(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        chosen = self._choose(labels, purpose=0)
        counts = [len(items) for items in chosen.values()]
        if self.validation_size >= sum(counts):
            raise SettingError(
                f"validation_size: {self.validation_size} leaves nothing to train on; "
                f"give less than {sum(counts)}"
            )
        shares = share_out(self.validation_size, counts)
        parts = list(zip(chosen.values(), shares, strict=True))
        self.kept_classes = list(chosen)
        remaining = torch.tensor(counts) - torch.tensor(shares)
        self.class_proportions = remaining / remaining.sum()
        # Back in the order of the files, so that the first batches are no single class.
        train = torch.cat([items[share:] for items, share in parts]).sort().values
        validation = torch.cat([items[:share] for items, share in parts]).sort().values
        return train, validation

    def _with_fixed_noise(self, images: LabelledImages, purpose: int) -> Rows:
        generator = Generator().manual_seed(data_seed(self.seed, purpose))
        return Rows((self.to_model_space(images.pixels, generator), images.labels))


class _FreshImages(Dataset):
    """Images that get new noise from the global generator whenever they are looked at.

    In training that is seeded for each batch, by `ResumableLoader`.
    """

    def __init__(self, images: LabelledImages, data: ImageData) -> None:
        self.images = images
        self._data = data

    def __len__(self) -> int:
        return len(self.images.labels)

    def __getitem__(self, index: int | list[int]) -> tuple[Tensor, Tensor]:
        return self._data.to_model_space(self.images.pixels[index]), self.images.labels[index]

    __getitems__ = __getitem__


def _take(images: LabelledImages, items: Tensor) -> LabelledImages:
    return LabelledImages(images.pixels[items], images.labels[items])

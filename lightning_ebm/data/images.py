"""The data module of grey images with labels: a training and a test set as they are published."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, NamedTuple

from torch import Tensor

from lightning_ebm.data.items import Stored
from lightning_ebm.data.loading import MOST_POINTS
from lightning_ebm.data.stored import StoredData
from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import require_count
from lightning_ebm.transforms import Logit, Scale, Transform


class LabelledImages(NamedTuple):
    """Images as they are stored.

    Attributes:
        pixels: integer levels, uint8 `(n, h, w)`.
        labels: class of each image, int64 `(n,)`.
    """

    pixels: Tensor
    labels: Tensor


class ImageData(StoredData):
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
        super().__init__(batch_size, classes, class_weights, noise, seed)
        transforms: dict[str, Transform] = {"symmetric": Scale(), "logit": Logit()}
        if space not in transforms:
            raise SettingError(f"space: {space!r} is unknown; choose from {list(transforms)}")
        require_count("validation_size", validation_size, least=0, most=MOST_POINTS)
        self.validation_size = validation_size
        self.transform = transforms[space]

    @abstractmethod
    def read(self) -> tuple[LabelledImages, LabelledImages]:
        """The training and the test images, all of them."""

    def parts(self) -> tuple[Stored, None, Stored]:
        """The training and the test images, with an axis for their one channel."""
        train, test = (Stored(pixels.unsqueeze(1), labels) for pixels, labels in self.read())
        return train, None, test

    def sizes(self, total: int) -> tuple[int, int]:
        """Images for validation, and none for the test.

        Raises:
            SettingError: if nothing is left to train on.
        """
        if self.validation_size >= total:
            raise SettingError(
                f"validation_size: {self.validation_size} leaves nothing to train on; "
                f"give less than {total}"
            )
        return self.validation_size, 0

    def transform_for(self, values: Tensor) -> Transform:
        """The map that `space` names, whatever the images are."""
        return self.transform

"""The handwritten digits that come with scikit-learn: 1797 images of 8x8 pixels, 17 levels."""

from __future__ import annotations

from typing import Literal

import torch

from lightning_ebm.data.images import ImageData, LabelledImages

TRAIN_SIZE = 1500


class Digits(ImageData):
    """Small handwritten digits that need no download; the last 297 images are the test set.

    Source: Alpaydin, Kaynak 1998, Optical Recognition of Handwritten Digits, UCI repository.

    Args:
        batch_size: images per batch, in each process.
        classes: digits to keep; all of them when left out.
        class_weights: relative weight of each class in all three sets.
        validation_size: number of images taken from the training set for validation.
        noise: standard deviation of the Gaussian noise added last, in the units of `space`.
        space: `symmetric` stretches pixels to [-1, 1], `logit` opens them to the real line.
        seed: decides which images are kept, which are for validation, and their fixed noise.

    Raises:
        SettingError: if a setting is out of its range.
    """

    levels = 17

    def __init__(
        self,
        batch_size: int = 128,
        classes: list[int] | None = None,
        class_weights: list[float] | None = None,
        validation_size: int = 200,
        noise: float = 0.0,
        space: Literal["symmetric", "logit"] = "symmetric",
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, classes, class_weights, validation_size, noise, space, seed)

    def read(self) -> tuple[LabelledImages, LabelledImages]:
        """Read the images out of scikit-learn.

        Raises:
            ModuleNotFoundError: if it is not installed.
        """
        try:
            from sklearn.datasets import load_digits
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "Digits: the images come with scikit-learn, which is not installed; "
                "run pip install 'lightning-ebm[digits]'"
            ) from error
        digits = load_digits()
        pixels = torch.from_numpy(digits.images).to(torch.uint8)
        labels = torch.from_numpy(digits.target).long()
        return (
            LabelledImages(pixels[:TRAIN_SIZE], labels[:TRAIN_SIZE]),
            LabelledImages(pixels[TRAIN_SIZE:], labels[TRAIN_SIZE:]),
        )

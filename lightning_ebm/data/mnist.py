"""MNIST, or anything in its four files: 70,000 handwritten digits of 28x28 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from lightning_ebm.data.download import download as download_file
from lightning_ebm.data.idx import read_idx
from lightning_ebm.data.images import ImageData, LabelledImages
from lightning_ebm.errors import SettingError
from lightning_ebm.needed import needed

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)

CHECKSUMS = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


class MNIST(ImageData):
    """The handwritten digits, read from their four files, which are downloaded if missing.

    The files have their published names, with or without `.gz`. Files that are there are taken
    as they are, whatever the size of their images; downloaded ones must have the checksums.

    Source: LeCun, Cortes, Burges, The MNIST database of handwritten digits.

    Args:
        data_dir: folder of the files.
        batch_size: images per batch, in each process.
        classes: digits to keep; all of them when left out.
        class_weights: relative weight of each class in all three sets.
        validation_size: number of images taken from the training set for validation.
        noise: standard deviation of the Gaussian noise added last, in the units of `space`.
        space: `symmetric` stretches pixels to [-1, 1], `logit` opens them to the real line.
        seed: decides which images are kept, which are for validation, and their fixed noise.
        download: whether to fetch what is missing.
        mirrors: addresses to fetch it from, in the order to try them.
        checksums: MD5 of each file, uncompressed, by its name without `.gz`; those of the
            published files when left out.

    Raises:
        SettingError: if a setting is out of its range, or a checksum is missing.
    """

    def __init__(
        self,
        data_dir: str = "data/mnist",
        batch_size: int = 128,
        classes: list[int] | None = None,
        class_weights: list[float] | None = None,
        validation_size: int = 5000,
        noise: float = 0.0,
        space: Literal["symmetric", "logit"] = "symmetric",
        seed: int = 0,
        *,
        download: bool = True,
        mirrors: tuple[str, ...] = MIRRORS,
        checksums: dict[str, str] | None = None,
    ) -> None:
        super().__init__(batch_size, classes, class_weights, validation_size, noise, space, seed)
        self.folder = Path(data_dir).expanduser()
        self.download = download
        self.mirrors = mirrors
        self.checksums = CHECKSUMS if checksums is None else checksums
        absent = [name for name in CHECKSUMS if name not in self.checksums]
        if absent:
            raise SettingError(f"checksums: {', '.join(absent)} has none; give all four")

    def prepare_data(self) -> None:
        """Download what is missing; Lightning calls this in one process only.

        Raises:
            SettingError: if no mirror has the right file.
        """
        if self.download:
            for name in self._missing():
                download_file(f"{name}.gz", self.folder, self.mirrors, self.checksums[name])

    def read(self) -> tuple[LabelledImages, LabelledImages]:
        """Read the four files.

        Raises:
            SettingError: if one is missing or damaged, or labels and images do not match.
        """
        if missing := self._missing():
            raise SettingError(
                f"data_dir: {self.folder} lacks {', '.join(missing)} (.gz or not); "
                "put the files there, or set download: true"
            )
        return self._read_pair("train"), self._read_pair("t10k")

    def _read_pair(self, prefix: str) -> LabelledImages:
        images, labels = (
            needed(self._find(f"{prefix}-{rest}"))
            for rest in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
        pair = LabelledImages(read_idx(images, axes=3), read_idx(labels, axes=1).long())
        if len(pair.pixels) != len(pair.labels):
            raise SettingError(
                f"data_dir: {images} has {len(pair.pixels)} images and {labels.name} "
                f"{len(pair.labels)} labels; put files there that belong together"
            )
        return pair

    def _missing(self) -> list[str]:
        return [name for name in CHECKSUMS if self._find(name) is None]

    def _find(self, name: str) -> Path | None:
        candidates = (self.folder / name, self.folder / f"{name}.gz")
        return next((path for path in candidates if path.is_file()), None)

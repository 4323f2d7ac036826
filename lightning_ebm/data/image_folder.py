"""A folder of images of the user's, whose sub-folders are classes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy
from PIL import Image, UnidentifiedImageError

from lightning_ebm.data.own import OwnData, Sources
from lightning_ebm.data.source import Contents, Source
from lightning_ebm.errors import SettingError
from lightning_ebm.ranges import require_count

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
LEVELS = 256
LARGEST_SIDE = 2**14
"""Pixels that a side has at most."""


class ImageFolder(OwnData):
    """Images out of a folder; the names of its sub-folders, if it has any, are their labels.

    Pixels are dequantised. Batches are images `(n, channels, h, w)`, float32; with sub-folders
    tuples of images and labels. All images are held in memory, and are of one size.

    Args:
        path: the folder, with all images, or those to train on.
        colour: whether images have three channels; else they are made grey.
        size: height and width that images are brought to; by default they keep theirs.
        validation_path: a folder of its own for validation, with the same sub-folders.
        test_path: a folder of its own for the test.
        validation_share: share of the images in `path` for validation, if it has no folder.
        test_share: share of the images in `path` for the test, if it has no folder.
        space: `symmetric` stretches pixels to [-1, 1], `logit` opens them to the real line.
        noise: standard deviation of the Gaussian noise added last, in the units of `space`.
        batch_size: images per batch, in each process.
        classes: sub-folders to keep; all of them when left out.
        class_weights: relative weight of each class in all three sets.
        seed: decides which images are kept, which are held out, and their fixed noise.

    Raises:
        SettingError: if a setting is out of its range; from `setup`, if an image cannot be read,
            is of another size, or of more levels.
    """

    def __init__(
        self,
        path: str,
        colour: bool = False,  # noqa: FBT001, FBT002 - a name in YAML
        size: list[int] | None = None,
        validation_path: str | None = None,
        test_path: str | None = None,
        validation_share: float = 0.1,
        test_share: float = 0.1,
        space: Literal["symmetric", "logit"] = "symmetric",
        noise: float = 0.0,
        batch_size: int = 128,
        classes: list[int | str] | None = None,
        class_weights: list[float] | None = None,
        seed: int = 0,
    ) -> None:
        scalings = {"symmetric": "range", "logit": "logit"}
        if space not in scalings:
            raise SettingError(f"space: {space!r} is unknown; choose from {list(scalings)}")
        super().__init__(
            Sources(
                _folder("path", path),
                None if validation_path is None else _folder("validation_path", validation_path),
                None if test_path is None else _folder("test_path", test_path),
            ),
            (validation_share, test_share),
            scalings[space],
            LEVELS,
            None,
            noise,
            batch_size,
            classes,
            class_weights,
            seed,
        )
        if size is not None and len(size) != 2:
            raise SettingError(f"size is {size}: give height and width, e.g. [32, 32]")
        for side in size or ():
            require_count("size", side, most=LARGEST_SIDE)
        self.colour = colour
        self.size = size

    def load(self, source: Source) -> Contents:
        """Read all images of a folder, in the order of their names."""
        paths = sorted(p for p in source.path.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not paths:
            raise SettingError(
                f"{source}, where there are no images: give a folder of {', '.join(SUFFIXES)}"
            )
        names = [p.relative_to(source.path).parts[0] for p in paths]
        nested = [len(p.relative_to(source.path).parts) > 1 for p in paths]
        if any(nested) and not all(nested):
            loose = paths[nested.index(False)].name
            raise SettingError(
                f"{source}, where some images lie in sub-folders, which are classes, and "
                f"'{loose}' does not: put all into sub-folders, or none"
            )
        pixels = [self._read(path) for path in paths]
        for path, one in zip(paths, pixels, strict=True):
            if one.shape != pixels[0].shape:
                raise SettingError(
                    f"{source}, where '{path.name}' has {_size(one)} pixels and '{paths[0].name}' "
                    f"{_size(pixels[0])}: give size, e.g. [32, 32], to bring all to one"
                )
        return Contents(numpy.stack(pixels), numpy.asarray(names) if any(nested) else None)

    def _read(self, path: Path) -> numpy.ndarray:
        try:
            with Image.open(path) as opened:
                if opened.mode == "F" or opened.mode.startswith("I"):
                    raise SettingError(
                        f"path: '{path}' has pixels of more than 8 bits (mode {opened.mode}), "
                        "which would be cut off: save it with 256 levels"
                    )
                image = opened.convert("RGB" if self.colour else "L")
                if self.size is not None:
                    height, width = self.size
                    image = image.resize((width, height), Image.Resampling.BOX)
                pixels = numpy.asarray(image)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as failure:
            raise SettingError(
                f"path: '{path}' cannot be read as an image ({failure}): take it out, or mend it"
            ) from failure
        return pixels.transpose(2, 0, 1) if self.colour else pixels[None]


def _folder(key: str, path: str) -> Source:
    source = Source(key, path)
    if not source.path.is_dir():
        raise SettingError(f"{source}, and there is no such folder: give one that there is")
    return source


def _size(pixels: numpy.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[2]}"

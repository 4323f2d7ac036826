"""Items out of a data set of the Hugging Face library `datasets`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy
from PIL import Image

from lightning_ebm.data.labels import require_labels
from lightning_ebm.data.own import OwnData, Sources
from lightning_ebm.data.scaling import Scaling
from lightning_ebm.data.source import Contents, Source
from lightning_ebm.data.tables import as_labels, column_values, joined
from lightning_ebm.errors import SettingError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


class FromHuggingFace(OwnData):
    """Points or images out of a data set that `datasets` knows, on this machine or of its Hub.

    A folder that `save_to_disk` wrote, or of files that `load_dataset` reads; a name that is no
    folder is one of the Hub, and downloaded. `pip install datasets` brings the library.

    Args:
        path: the folder, or the name.
        columns: columns that are the coordinates, or one that holds arrays or images; all but the
            labels by default.
        labels: column that has the class of each item.
        split: the part with all items, or those to train on.
        validation_split: a part of its own for validation.
        test_split: a part of its own for the test.
        name: which of several data sets there are by this name.
        event_shape: shape that an item is brought into; by default that which it has.
        validation_share: share of the items in `split` for validation, if it has no part.
        test_share: share of the items in `split` for the test, if it has no part.
        scaling: as of `FromFile`.
        levels: number of values that a coordinate can take, if they are integers from 0; 256 for
            images.
        noise: standard deviation of the Gaussian noise added last, in the units of `scaling`.
        batch_size: items per batch, in each process.
        classes: labels to keep; all of them when left out.
        class_weights: relative weight of each class in all three sets.
        seed: decides which items are kept, which are held out, and their fixed noise.

    Raises:
        SettingError: if a setting is out of its range, or `datasets` is not installed; from
            `setup`, if the data set is not what the settings say.
    """

    def __init__(
        self,
        path: str,
        columns: list[str] | None = None,
        labels: str | None = None,
        split: str = "train",
        validation_split: str | None = None,
        test_split: str | None = None,
        name: str | None = None,
        event_shape: list[int] | None = None,
        validation_share: float = 0.1,
        test_share: float = 0.1,
        scaling: Scaling = "none",
        levels: int | None = None,
        noise: float = 0.0,
        batch_size: int = 128,
        classes: list[int | str] | None = None,
        class_weights: list[float] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            Sources(
                Source("split", split),
                None if validation_split is None else Source("validation_split", validation_split),
                None if test_split is None else Source("test_split", test_split),
            ),
            (validation_share, test_share),
            scaling,
            levels,
            event_shape,
            noise,
            batch_size,
            classes,
            class_weights,
            seed,
        )
        require_labels(labels, classes, class_weights)
        try:
            import datasets  # noqa: F401 - asked for before anything is begun
        except ModuleNotFoundError as failure:
            raise SettingError(
                f"path is '{path}', a data set of Hugging Face, whose library is not installed: "
                "run pip install datasets"
            ) from failure
        self.dataset = Source("path", path)
        self.name = name
        self.columns = columns
        self.labels = labels

    def prepare_data(self) -> None:
        """Download what is of the Hub; Lightning calls this in one process only."""
        _ = self._parts

    def load(self, source: Source) -> Contents:
        """Read the columns of a part."""
        part = source.named(source.key, source.value, self._parts)
        known = {name: name for name in part.column_names}
        chosen = self.columns
        if chosen is None:
            chosen = [name for name in known if name != self.labels]
        found = {
            name: self._column(source, part, source.named("columns", name, known))
            for name in chosen
        }
        if not found:
            raise SettingError(f"columns is {chosen}: give one or more of {', '.join(known)}")
        labels = None
        if self.labels is not None:
            labels = self._labels(part, source.named("labels", self.labels, known))
        return Contents(joined(source, found), labels)

    def _column(self, source: Source, part: Dataset, name: str) -> numpy.ndarray:
        values = list(part[name])
        if values and isinstance(values[0], Image.Image):
            pixels = [numpy.asarray(image) for image in values]
            if len({one.shape for one in pixels}) > 1:
                raise SettingError(
                    f"columns: '{name}' has images of several sizes or kinds: bring them to one"
                )
            stacked = numpy.stack(pixels)
            return stacked[:, None] if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2)
        return column_values(source, name, values)

    def _labels(self, part: Dataset, name: str) -> numpy.ndarray:
        words = getattr(part.features[name], "names", None)
        numbers = list(part[name])
        if words is not None and all(number is not None and number >= 0 for number in numbers):
            return as_labels(numpy.asarray([words[number] for number in numbers]))
        return as_labels(numpy.asarray(numbers))

    @cached_property
    def _parts(self) -> dict[str, Dataset]:
        from datasets import Dataset, load_dataset, load_from_disk

        path = self.dataset.path
        saved = any((path / file).is_file() for file in ("state.json", "dataset_dict.json"))
        try:
            found: Dataset | DatasetDict | Any = (
                load_from_disk(str(path))
                if saved
                else load_dataset(str(path) if path.is_dir() else self.dataset.value, self.name)
            )
        # The library, and the network below it, raise what they like.
        except Exception as failure:
            reason = " ".join(str(failure).split())
            raise SettingError(
                f"{self.dataset}, which datasets cannot load ({reason}): give a folder that "
                "save_to_disk wrote or that holds a data set, or a name of the Hub"
            ) from failure
        return {"train": found} if isinstance(found, Dataset) else dict(found)

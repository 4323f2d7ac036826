"""Points in a file of the user's: arrays of NumPy or torch, or a table."""

from __future__ import annotations

from lightning_ebm.data.array_files import ARRAY_SUFFIXES, read_arrays
from lightning_ebm.data.labels import require_labels
from lightning_ebm.data.own import OwnData, Sources
from lightning_ebm.data.scaling import Scaling
from lightning_ebm.data.source import Contents, Source
from lightning_ebm.data.tables import read_csv, read_parquet
from lightning_ebm.errors import SettingError

TABLES = (".csv", ".parquet")


class FromFile(OwnData):
    """Points out of a `.npy`, `.npz`, `.pt`, `.csv` or `.parquet` file.

    No code in a file is run. Batches are points `(n, *event)`, float32; with labels tuples of
    points and labels.

    Args:
        path: the file, with all items, or those to train on.
        array: name of the items in an `.npz` or in a dictionary of tensors; the only array by
            default.
        columns: columns of a table that are the coordinates, by name, or by place from 0 where
            there is no header; all but the labels by default. One of Parquet may hold arrays.
        labels: array, entry or column that has the class of each item, whole numbers or words.
        header: whether the first line of a `.csv` has names.
        event_shape: shape that an item is brought into; by default that which it has.
        validation_path: a file of its own for validation, of the same kind.
        test_path: a file of its own for the test.
        validation_share: share of the items in `path` for validation, if it has no file.
        test_share: share of the items in `path` for the test, if it has no file.
        scaling: `none`; `standardise`, each coordinate to mean 0 and deviation 1; `range`, each
            to [-1, 1]; `logit`, levels to the real line. Fitted to the training set; figures of
            test are in its units, but for `test/nll_in_data_units`.
        levels: number of values that a coordinate can take, if they are integers from 0: they are
            then dequantised, and bits per dimension told. By default values are any numbers.
        noise: standard deviation of the Gaussian noise added last, in the units of `scaling`.
        batch_size: items per batch, in each process.
        classes: labels to keep; all of them when left out.
        class_weights: relative weight of each class in all three sets.
        seed: decides which items are kept, which are held out, and their fixed noise.

    Raises:
        SettingError: if a setting is out of its range; from `setup`, if the file is not what the
            settings say.
    """

    def __init__(
        self,
        path: str,
        array: str | None = None,
        columns: list[str | int] | None = None,
        labels: str | int | None = None,
        header: bool = True,  # noqa: FBT001, FBT002 - a name in YAML
        event_shape: list[int] | None = None,
        validation_path: str | None = None,
        test_path: str | None = None,
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
                _file("path", path),
                None if validation_path is None else _file("validation_path", validation_path),
                None if test_path is None else _file("test_path", test_path),
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
        self.array = array
        self.columns = columns
        self.labels = labels
        self.header = header
        require_labels(labels, classes, class_weights)
        for source in filter(None, self.sources):
            other = ("columns", columns) if source.suffix in ARRAY_SUFFIXES else ("array", array)
            if other[1] is not None:
                raise SettingError(
                    f"{other[0]} is {other[1]!r}, but '{source.value}' is a {source.suffix} file "
                    f"without {'columns' if other[0] == 'columns' else 'arrays by name'}: leave "
                    f"{other[0]} out"
                )

    def load(self, source: Source) -> Contents:
        """Read a file, by the end of its name."""
        if source.suffix == ".csv":
            return read_csv(source, self.columns, self.labels, header=self.header)
        if source.suffix == ".parquet":
            return read_parquet(source, self.columns, self.labels)
        labels = None if self.labels is None else str(self.labels)
        return read_arrays(source, self.array, labels)


def _file(key: str, path: str) -> Source:
    source = Source(key, path)
    known = (*ARRAY_SUFFIXES, *TABLES)
    if source.suffix not in known:
        raise SettingError(
            f"{source}, of a kind that is not known: give a file that ends in {', '.join(known)}"
        )
    if not source.path.is_file():
        raise SettingError(f"{source}, and there is no such file: give one that there is")
    return source

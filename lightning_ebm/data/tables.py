"""Reading tables, `.csv` and `.parquet`: columns of numbers, and one of labels."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Mapping, Sequence

import numpy

from lightning_ebm.data.source import Contents, Source
from lightning_ebm.errors import SettingError

Name = str | int


def read_csv(
    source: Source, columns: Sequence[Name] | None, labels: Name | None, *, header: bool
) -> Contents:
    """The columns of a file of comma-separated values.

    Args:
        source: the file.
        columns: those of the items, by name, or by place from 0 where there is no header; all but
            the labels by default.
        labels: that of the labels, or None for none.
        header: whether the first line has names.

    Raises:
        SettingError: if it is damaged, a value is no number, or there is no such column.
    """
    try:
        with source.path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            first = next(rows, None)
            _require_even(source, first or [], rows)
    except (OSError, UnicodeDecodeError, csv.Error) as failure:
        raise SettingError(f"{source}, which cannot be read ({failure}): mend it") from failure
    if not first:
        raise SettingError(
            f"{source}, which begins with no value: give a table with a row a point"
        )
    places = _places(source, first, header=header)
    wanted = None if labels is None else source.named("labels", str(labels), places)
    chosen = _chosen(source, places, columns, labels)
    values = _numbers(source, [places[name] for name in chosen], header=header)
    if wanted is None:
        return Contents(values, None)
    words = _loaded(source, [wanted], str, header=header)[:, 0]
    return Contents(values, as_labels(numpy.char.strip(words)))


def read_parquet(source: Source, columns: Sequence[Name] | None, labels: Name | None) -> Contents:
    """The columns of a Parquet file.

    Raises:
        SettingError: if pyarrow is not installed, the file is damaged, a column has no numbers, or
            there is no such column.
    """
    try:
        from pyarrow import ArrowInvalid, parquet
    except ModuleNotFoundError as failure:
        raise SettingError(
            f"{source}, which pyarrow reads, and that is not installed: run pip install pyarrow"
        ) from failure
    try:
        file = parquet.ParquetFile(source.path)
        names = {name: name for name in file.schema_arrow.names}
        chosen = _chosen(source, names, columns, labels)
        wanted = [] if labels is None else [source.named("labels", str(labels), names)]
        table = file.read([*chosen, *wanted])
    except (ArrowInvalid, OSError) as failure:
        raise SettingError(f"{source}, which cannot be read ({failure}): mend it") from failure
    found = {name: column_values(source, name, table[name].to_pylist()) for name in chosen}
    return Contents(
        joined(source, found),
        as_labels(numpy.asarray(table[wanted[0]].to_pylist())) if wanted else None,
    )


def column_values(source: Source, name: str, values: list[object]) -> numpy.ndarray:
    """A column as numbers, each a point's coordinate, or an array of several, all of one shape.

    Raises:
        SettingError: if they are no numbers, or of several shapes.
    """
    try:
        return numpy.asarray([numpy.nan if v is None else v for v in values], dtype=numpy.float64)
    except (TypeError, ValueError) as failure:
        raise SettingError(
            f"columns: '{name}' of {source.value} has values that are no numbers, or of several "
            "shapes: name columns of numbers"
        ) from failure


def joined(source: Source, found: dict[str, numpy.ndarray]) -> numpy.ndarray:
    """Columns side by side; one alone may hold arrays.

    Raises:
        SettingError: if several are chosen and one holds arrays.
    """
    if len(found) == 1:
        (only,) = found.values()
        return only if only.ndim > 1 else only[:, None]
    for name, values in found.items():
        if values.ndim > 1:
            raise SettingError(
                f"columns: '{name}' of {source.value} holds arrays: name it alone, or columns of "
                "numbers"
            )
    return numpy.stack(list(found.values()), axis=1)


def as_labels(words: numpy.ndarray) -> numpy.ndarray:
    """Whole numbers where all labels are, else the words."""
    try:
        numbers = words.astype(numpy.float64)
    except (TypeError, ValueError):
        return words
    whole = numpy.isfinite(numbers).all() and (numbers == numbers.round()).all()
    return numbers.astype(numpy.int64) if whole else words


def _places(source: Source, first: list[str], *, header: bool) -> dict[str, int]:
    """Column numbers by name."""
    if not header:
        return {str(place): place for place in range(len(first))}
    names = [name.strip() for name in first]
    numbered = names == [str(place) for place in range(len(names))]
    if all(_is_number(name) for name in names) and not numbered:
        raise SettingError(
            f"header is true, but {source.value} begins with numbers, {', '.join(names[:3])}: set "
            "header: false, or give the columns names"
        )
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise SettingError(f"{source}, where two columns are called '{double}': rename one")
    return {name: place for place, name in enumerate(names)}


def _require_even(source: Source, first: list[str], rows: Iterable[list[str]]) -> None:
    """Refuse a table some rows of which are longer or shorter than the first; empty ones pass."""
    for number, row in enumerate(rows):
        if row and len(row) != len(first):
            raise SettingError(
                f"{source}, where the row {number + 1} after the first has {len(row)} values and "
                f"the first {len(first)}: mend the file"
            )


def _chosen(
    source: Source,
    known: Mapping[str, Name],
    columns: Sequence[Name] | None,
    labels: Name | None,
) -> list[str]:
    if not known:
        raise SettingError(f"{source}, which has no columns: give a table with a row a point")
    if columns is None:
        chosen = [name for name in known if labels is None or name != str(labels)]
    else:
        chosen = [str(name) for name in columns]
    if not chosen or len(set(chosen)) < len(chosen):
        raise SettingError(
            f"columns: {chosen} of {source.value} is no list of different columns: give one or "
            f"more of {', '.join(known)}"
        )
    for name in chosen:
        source.named("columns", name, known)
    return chosen


def _numbers(source: Source, places: list[int], *, header: bool) -> numpy.ndarray:
    return _loaded(source, places, numpy.float64, header=header)


def _loaded(source: Source, places: list[int], kind: type, *, header: bool) -> numpy.ndarray:
    try:
        with warnings.catch_warnings():
            # That there are no rows is told in a sentence later.
            warnings.simplefilter("ignore", UserWarning)
            return numpy.loadtxt(
                source.path,
                dtype=kind,
                comments=None,
                delimiter=",",
                quotechar='"',
                skiprows=int(header),
                usecols=places,
                ndmin=2,
                encoding="utf-8-sig",
            )
    except (ValueError, IndexError) as failure:
        raise SettingError(
            f"{source}, where {str(failure).rstrip('.')}, rows counted from 0 after the header: "
            "mend the file, or choose columns of numbers by columns"
        ) from failure


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True

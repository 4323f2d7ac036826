"""Where items come from, and what a reader makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy

from lightning_ebm.errors import SettingError

Found = TypeVar("Found")


class Contents(NamedTuple):
    """What was read.

    Attributes:
        values: the items, `(n, ...)`.
        labels: numbers or words, `(n,)`; None where none were asked for.
    """

    values: numpy.ndarray
    labels: numpy.ndarray | None


@dataclass(frozen=True)
class Source:
    """A setting that says where items come from; as text it is "key is 'value'".

    Attributes:
        key: the setting's name.
        value: what it was given.
    """

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key} is '{self.value}'"

    @property
    def path(self) -> Path:
        """The value as a path."""
        return Path(self.value).expanduser()

    @property
    def suffix(self) -> str:
        """The end of its name, in small letters."""
        return self.path.suffix.lower()

    def named(self, key: str, name: str, found: Mapping[str, Found]) -> Found:
        """What a source has by a name that a setting gives.

        Raises:
            SettingError: if it has none.
        """
        if name not in found:
            known = ", ".join(map(str, found)) or "none"
            raise SettingError(
                f"{key} is '{name}', which {self.value} does not have: it has {known}"
            )
        return found[name]

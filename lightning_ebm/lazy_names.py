"""Public names of a package that are imported when they are first used, as PEP 562 has it.

Whoever needs one of them pays for that one alone. Type checkers see them by the imports that
the package has under `TYPE_CHECKING`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package.

    Args:
        package: its name.
        homes: the names that it lends, by the submodule that defines them; a submodule can be
            reached as an attribute too.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def getattribute(name: str) -> object:
        if name in homes:
            return import_module(f"{package}.{name}")
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f"{package}.{home_of[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    def directory() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of, *homes})

    return getattribute, directory

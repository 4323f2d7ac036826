"""A misspelt key, told by the source of the classes that have it, before they are imported."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from lightning_ebm.errors import SettingError

OPEN = ("data",)
"""What keys begin with that belong to classes of anybody's."""

CLASSES = {
    "trainer": ("lightning", "pytorch/trainer/trainer.py", "Trainer"),
    "model": ("lightning_ebm", "module/module.py", "EBMLightningModule"),
    "pictures": ("lightning_ebm", "callbacks/pictures.py", "Pictures"),
    "checkpoint": ("lightning", "pytorch/callbacks/model_checkpoint.py", "ModelCheckpoint"),
}
"""What keys begin with, and whose settings these are: package, file and class."""


def refuse_misspelt(args: list[str]) -> None:
    """Raise `SettingError` at the first `--group.key` that there is none of.

    What this lets through, the parser judges: keys of classes that are chosen, values, and groups
    whose source is not where it was.
    """
    for argument in args:
        option = argument.partition("=")[0].removesuffix("+")
        group, dot, key = option.removeprefix("--").partition(".")
        if not (argument.startswith("--") and dot) or group in OPEN:
            continue
        if group not in CLASSES:
            close = difflib.get_close_matches(group, (*CLASSES, *OPEN), n=1)
            raise SettingError(unknown_option(argument, [f"--{found}.{key}" for found in close]))
        known = settings_of_group(group)
        name, *rest = key.split(".")
        if known and name not in (*known, "help"):
            close = difflib.get_close_matches(name, known, n=1)
            options = [".".join((f"--{group}", found, *rest)) for found in close]
            raise SettingError(unknown_option(argument, options))


def unknown_option(argument: str, close: Sequence[str] = ()) -> str:
    """The sentence for an option that there is none of.

    Args:
        argument: as it was given.
        close: options that it may be meant for, at most one.
    """
    hint = "".join(f" (did you mean {option}?)" for option in close)
    return f"no option is called {argument}{hint}: --help=all after the subcommand lists all"


def settings_of_group(group: str) -> list[str]:
    """The settings that stand below one of `CLASSES`; none if its source is not where it was."""
    return settings_of_source(*CLASSES[group])


def settings_of_source(package: str, file: str, name: str) -> list[str]:
    """The arguments of a class's constructor by its source, of which nothing is run.

    Args:
        package: top level; a module's own name where it is in none.
        file: within the package; empty for the module itself.
        name: of the class.

    Returns:
        Their names; none if the class is not found there.
    """
    spec = find_spec(package)
    origin = Path(spec.origin or "") if spec else Path(file)
    path = origin.parent / file if file else origin
    if not path.is_file():
        return []
    classes = [n for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.ClassDef)]
    for made in (part for kind in classes if kind.name == name for part in kind.body):
        if isinstance(made, ast.FunctionDef) and made.name == "__init__":
            return [a.arg for a in (*made.args.args[1:], *made.args.kwonlyargs)]
    return []

"""Reading arguments before they are parsed: a value of an option, the class at a key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml


def value_of(option: str, args: list[str]) -> str | None:
    """The last value given for an option, as `--option=value` or `--option value`."""
    values = values_of(option, args)
    return values[-1] if values else None


def values_of(option: str, args: list[str]) -> list[str]:
    """All values that the arguments give an option, in order."""
    values = []
    for index, argument in enumerate(args):
        if argument == option and index + 1 < len(args):
            values.append(args[index + 1])
        elif argument.startswith(option + "="):
            values.append(argument.removeprefix(option + "="))
    return values


def class_at(key: str, args: list[str]) -> str | None:
    """The class that arguments, or else the configurations they name, give at a dotted key."""
    for option in (f"--{key}", f"--{key}.class_path"):
        if (given := value_of(option, args)) is not None:
            return given
    for path in reversed(values_of("--config", args) + values_of("-c", args)):
        try:
            value: Any = yaml.safe_load(Path(path).read_text())
        except (OSError, yaml.YAMLError):
            continue
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, dict):
            value = value.get("class_path")
        if isinstance(value, str):
            return value
    return None


def mentioned(words: Iterable[str], args: list[str]) -> set[str]:
    """Those words that stand in the arguments, or in files of YAML that these lead to."""
    wanted, found, seen = set(words), set(), set()
    texts = [(" ".join(args), Path.cwd())]
    files = [Path(path) for path in values_of("--config", args) + values_of("-c", args)]
    while texts or files:
        if not texts:
            file = files.pop().absolute()
            texts = [] if file in seen else [(_text(file), file.parent)]
            seen.add(file)
            continue
        text, folder = texts.pop()
        found |= wanted & set(re.findall(r"\w+", text))
        files += [folder / name for name in re.findall(r"[^\s='\",\[\]]+\.ya?ml\b", text)]
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, ValueError):
        return ""

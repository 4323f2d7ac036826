"""Reading arguments before they are parsed: a value of an option, the class at a key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

NAME = re.compile(r"(?!(?:null|none|true|false)$)(?!.*\.ya?ml$)[^\W\d][\w.]*", re.IGNORECASE)
"""What can name a class, and is no file of YAML."""


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


def classes_first(args: list[str]) -> list[str]:
    """Arguments in which a class stands before what is said of its settings, whatever came first.

    `--model.sampler.step_size=.1 --model.sampler=ula` speaks of ula's step size. Settings in
    front of a `--config` stay there.
    """
    arranged: list[list[str]] = []
    for argument in args:
        if argument.startswith("--") or argument == "-c" or not arranged:
            arranged.append([])
        arranged[-1].append(argument)
    since = 0
    for place, words in enumerate(arranged):
        option, _, value = " ".join(words).replace("=", " ", 1).partition(" ")
        if option in {"--config", "-c"}:
            since = place + 1
        elif NAME.fullmatch(value):
            key = option.removesuffix(".class_path") + "."
            earlier = [k for k in range(since, place) if arranged[k][0].startswith(key)]
            if earlier:
                arranged.insert(earlier[0], arranged.pop(place))
    return [word for words in arranged for word in words]


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

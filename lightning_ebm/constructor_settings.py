"""What a class lets be set: the arguments of its constructor, with what its docstring says."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from docstring_parser import parse


@dataclass(frozen=True)
class Setting:
    """One argument, in words.

    Attributes:
        name: the argument.
        type: its annotation, or "any".
        default: as code, or "required".
        meaning: the first sentence that a docstring says of it; empty if none does.
    """

    name: str
    type: str
    default: str
    meaning: str


def settings_of(kind: type) -> list[Setting]:
    """The settings of a class in the order of its signature, then those that it hands on.

    Where a constructor takes `**kwargs`, the next one up is asked.
    """
    meanings: dict[str, str] = {}
    found: dict[str, inspect.Parameter] = {}
    for owner in kind.__mro__[:-1]:
        for told in parse(owner.__doc__ or "").params:
            meanings.setdefault(told.arg_name, _first_sentence(told.description or ""))
        if "__init__" not in vars(owner):
            continue
        own = list(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]
        for parameter in own:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                found.setdefault(parameter.name, parameter)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own):
            break
    return [_setting(parameter, meanings.get(name, "")) for name, parameter in found.items()]


def _setting(parameter: inspect.Parameter, meaning: str) -> Setting:
    empty = parameter.empty
    kind = parameter.annotation
    words = "any" if kind is empty else kind if isinstance(kind, str) else _words(kind)
    default = "required" if parameter.default is empty else repr(parameter.default)
    return Setting(parameter.name, words, default, meaning)


def _words(kind: object) -> str:
    """An annotation as it is written, without the modules that its classes come from."""
    return re.sub(r"[A-Za-z_][\w.]*\.(?=\w)", "", inspect.formatannotation(kind))


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s(?=[A-Z])", " ".join(text.split()))[0].removesuffix(".")

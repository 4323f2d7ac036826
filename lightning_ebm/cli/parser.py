"""The parser of Lightning's command line, whose complaint is an exception."""

from __future__ import annotations

from enum import Enum
from typing import NoReturn

import yaml

from lightning_ebm.foreign_parts import PartsParser


class ParserError(Exception):
    """What the parser has to say of wrong arguments."""


class Parser(PartsParser):
    """A parser that raises its error in place of printing a page and exiting."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message; parsers of nested values raise theirs to the one around them."""
        if not self.exit_on_error:
            super().error(message, ex)
        raise ParserError(message) from ex


def _word(dumper: yaml.SafeDumper, member: Enum) -> yaml.Node:
    """A member of an enumeration as the word that it stands for in YAML."""
    return dumper.represent_data(member.value if isinstance(member, str) else member.name)


# Settings are written by this dumper, and defaults of Lightning's own classes may be such members
# where their type is said to be str.
yaml.SafeDumper.add_multi_representer(Enum, _word)

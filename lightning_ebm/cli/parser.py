"""The parser of Lightning's command line, whose complaint is an exception."""

from __future__ import annotations

from typing import NoReturn

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

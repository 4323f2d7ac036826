"""Samplers that a command names: loaded before it is parsed, and no others."""

from __future__ import annotations

from lightning_ebm.cli.arguments import mentioned
from lightning_ebm.registry import named, names_by_word


def load_samplers(args: list[str]) -> None:
    """Load the registered samplers that the command names, or all where it asks for help."""
    names = names_by_word()
    asks = any(argument in {"-h", "--help"} or ".help" in argument for argument in args)
    for word in names if asks else mentioned(names, args):
        named(names[word])

"""A parser of plain arguments whose complaint is one sentence."""

from __future__ import annotations

import argparse
from typing import NoReturn

from lightning_ebm.errors import SettingError


class SentenceParser(argparse.ArgumentParser):
    """`ArgumentParser` that raises what it has to say in place of printing its usage and exiting.

    Raises:
        SettingError: from `error`.
    """

    def error(self, message: str) -> NoReturn:
        """Raise the message, with where help is to be had."""
        raise SettingError(f"{message}: {self.prog} --help lists what there is")

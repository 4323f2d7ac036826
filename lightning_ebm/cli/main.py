"""Where the command begins: arguments are completed, then Lightning's own command line runs."""

from __future__ import annotations

import sys

from lightning_ebm.errors import SettingError

SAMPLERS = "samplers"
REPRODUCE = "reproduce"


def main(args: list[str] | None = None) -> None:
    """Run `lightning ARGS`; a mistake of the user's ends in one sentence and exit status 2.

    Args:
        args: arguments after the command's name; by default those of this process.
    """
    args = sys.argv[1:] if args is None else args
    try:
        if args[:1] == [SAMPLERS]:
            from lightning_ebm.cli.samplers import list_samplers

            list_samplers(args[1:])
        elif args[:1] == [REPRODUCE]:
            from lightning_ebm.reproduce.command import reproduce

            reproduce(args[1:])
        else:
            from lightning_ebm.cli.lightning_cli import run

            run(args)
    except SettingError as mistake:
        sys.stderr.write(f"error: {mistake}\n")
        sys.exit(2)

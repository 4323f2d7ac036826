"""Where the command begins: arguments are completed, then Lightning's own command line runs."""

from __future__ import annotations

import sys

from lightning_ebm.cli.failures import end

SAMPLERS = "samplers"
REPRODUCE = "reproduce"
INIT = "init"


def main(args: list[str] | None = None) -> None:
    """Run `lightning ARGS`; whatever stops it ends in one line and a status that is not 0.

    A mistake of the user's has status 2, a training that diverged 3, a fault of the library 1; of
    the latter two the traceback is kept in a file.

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
        elif args[:1] == [INIT]:
            from lightning_ebm.cli.init import init

            init(args[1:])
        else:
            from lightning_ebm.cli.lightning_cli import run

            run(args)
    except Exception as failure:
        end(failure)

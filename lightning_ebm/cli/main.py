"""Where the command begins: what needs no Lightning is answered, its command line does the rest.

Each branch imports what it needs, so that an answer of a line takes no longer than it must.
"""

from __future__ import annotations

import sys

from lightning_ebm.cli.closed_pipe import flush, leave, lost_reader
from lightning_ebm.cli.failures import end
from lightning_ebm.cli.fault_board import FaultBoard
from lightning_ebm.cli.subcommands import SUBCOMMANDS, TRAINED, unknown_subcommand
from lightning_ebm.errors import SettingError

ALL = "--help=all"
"""Asks for every setting there is, where `--help` gives a page."""


def main(args: list[str] | None = None) -> None:
    """Run `lightning ARGS`; whatever stops it ends in one line and a status that is not 0.

    A mistake of the user's has status 2, a training that diverged 3, a fault of the library 1; of
    the latter two the traceback is kept in a file. Where nobody reads any more what is printed,
    the status is that of SIGPIPE, 141, and nothing is said.

    Args:
        args: arguments after the command's name; by default those of this process.
    """
    args = sys.argv[1:] if args is None else args
    board = FaultBoard()
    try:
        try:
            _answer(args, board)
        finally:
            flush()
    except (Exception, SystemExit) as failure:
        if lost_reader(failure):
            leave()
        if isinstance(failure, SystemExit):
            raise
        end(failure, board)
    finally:
        board.at_end.close()


def _answer(args: list[str], board: FaultBoard) -> None:
    command = args[0] if args else None
    asks = not {"-h", "--help"}.isdisjoint(args)
    if command == "--version":
        from lightning_ebm.cli.version import versions

        print(versions())
    elif command in {"-h", "--help"}:
        from lightning_ebm.cli.short_help import overview

        print(overview(), end="")
    elif command in TRAINED and asks:
        from lightning_ebm.cli.short_help import page

        print(page(command), end="")
    elif command == "samplers":
        from lightning_ebm.cli.samplers import describe_samplers

        describe_samplers(args[1:])
    elif command == "reproduce":
        from lightning_ebm.cli.reproduce import reproduce

        reproduce(args[1:], main)
    elif command == "init":
        from lightning_ebm.cli.init import init

        init(args[1:])
    elif command == "completion":
        from lightning_ebm.cli.completion import completion

        completion(args[1:])
    elif command is None or not (command in SUBCOMMANDS or command.startswith("-")):
        raise SettingError(unknown_subcommand(command))
    else:
        from lightning_ebm.cli.misspelt import refuse_misspelt

        refuse_misspelt(args)
        from lightning_ebm.cli.lightning_cli import run

        run(["--help" if argument == ALL else argument for argument in args], board)

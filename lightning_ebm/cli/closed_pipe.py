"""A reader that is gone, as `head` is after its lines: the command ends as the usual tools do."""

from __future__ import annotations

import os
import select
import signal
import sys
from typing import NoReturn

STDOUT, STDERR = 1, 2


def lost_reader(failure: BaseException) -> bool:
    """Whether a failure came of printing to somebody who no longer reads."""
    if isinstance(failure, SystemExit):
        # rich notices first, points the stream elsewhere, and exits with a status of its own.
        return isinstance(failure.__context__, BrokenPipeError)
    return isinstance(failure, BrokenPipeError) and bool(_unread())


def leave() -> NoReturn:
    """Exit with the status of SIGPIPE; what was still to be printed goes nowhere."""
    for number in _unread():
        # Python prints what is left when it ends, and would complain.
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), number)
    sys.exit(128 + signal.SIGPIPE)


def flush() -> None:
    """Print what waits, while a reader that is gone can still be told from a fault."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _unread() -> list[int]:
    """The streams of this process that nobody reads, as numbers of files."""
    watch = select.poll()
    for number in (STDOUT, STDERR):
        watch.register(number, select.POLLOUT)
    return [number for number, state in watch.poll(0) if state & (select.POLLERR | select.POLLHUP)]

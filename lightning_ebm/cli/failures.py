"""How a command ends that cannot go on: one line for the user, the traceback in a file."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import NoReturn

from lightning_ebm.cli.fault_board import FaultBoard
from lightning_ebm.errors import DIVERGED, INTERNAL, REFUSED, PlugInError, SettingError

LOG = "lightning_error.log"


class OtherFailedError(Exception):
    """Another process of the command has failed.

    Args:
        status: to end with.
        sentence: what there is to say; None if the other says it.
    """

    def __init__(self, status: int, sentence: str | None = None) -> None:
        super().__init__(sentence or "another process of the command has failed")
        self.status = status
        self.sentence = sentence


class RunFailure(Exception):
    """What stopped a run, which is the cause, and the folder that the run filled."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__("the run was stopped")
        self.folder = folder


def end(failure: Exception, board: FaultBoard) -> NoReturn:
    """Print the one line, keep a traceback where somebody may need it, and exit.

    A user's fault has none, but for that of code that the user installed. Of several processes
    that fail the first does so, and all exit with its status.

    Args:
        failure: what stopped the command.
        board: where the processes of the command post that they fail.
    """
    if isinstance(failure, OtherFailedError):
        if failure.sentence is not None:
            sys.stderr.write(f"error: {failure.sentence}\n")
        sys.exit(failure.status)
    folder: Path | None = None
    cause: BaseException = failure
    if isinstance(failure, RunFailure):
        folder, cause = failure.folder, failure.__cause__ or failure
    status = _status(cause)
    if not board.post(status):
        sys.exit(board.posted() or status)
    line = " ".join(str(cause).split())
    note = ""
    if status != REFUSED or isinstance(cause, PlugInError):
        note = _where(cause, None if status == REFUSED else folder)
    if status == INTERNAL:
        line = f"stopped by {type(cause).__name__}: {line}"
    sys.stderr.write(f"error: {line}{note}\n")
    sys.exit(status)


def _status(cause: BaseException) -> int:
    if isinstance(cause, SettingError):
        return REFUSED
    return DIVERGED if isinstance(cause, FloatingPointError) else INTERNAL


def _where(failure: BaseException, folder: Path | None) -> str:
    """Keep a traceback in the run's folder, or else the current one, and say where it is."""
    text = "".join(traceback.format_exception(failure))
    for place in (folder, Path.cwd()):
        if place is not None and place.is_dir():
            path = place / LOG
            try:
                with path.open("a") as log:
                    log.write(text)
            except OSError:
                continue
            return f" (traceback: {path})"
    # Nowhere to keep it: then it is printed, rather than lost.
    sys.stderr.write(text)
    return ""

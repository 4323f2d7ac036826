"""How a command ends that cannot go on: one line for the user, the traceback in a file."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import NoReturn

from lightning_ebm.errors import DIVERGED, INTERNAL, REFUSED, PlugInError, SettingError

LOG = "lightning_error.log"


class RunFailure(Exception):
    """What stopped a run, which is the cause, and the folder that the run filled."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__("the run was stopped")
        self.folder = folder


def end(failure: Exception) -> NoReturn:
    """Print the one line, keep a traceback where somebody may need it, and exit.

    A user's fault has none, but for that of code that the user installed.
    """
    folder: Path | None = None
    cause: BaseException = failure
    if isinstance(failure, RunFailure):
        folder, cause = failure.folder, failure.__cause__ or failure
    line = " ".join(str(cause).split())
    if isinstance(cause, SettingError):
        status = REFUSED
        note = _where(cause, None) if isinstance(cause, PlugInError) else ""
    elif isinstance(cause, FloatingPointError):
        status, note = DIVERGED, _where(cause, folder)
    else:
        status, note = INTERNAL, _where(cause, folder)
        line = f"stopped by {type(cause).__name__}: {line}"
    sys.stderr.write(f"error: {line}{note}\n")
    sys.exit(status)


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

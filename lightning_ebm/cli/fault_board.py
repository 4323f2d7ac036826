"""Several processes of one command: the first that fails says why, for all.

The board is a folder that all processes on a machine know, by Lightning's launcher or torchrun.
A process that loses touch with another looks there for the reason, and has nothing to say of its
own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

VARIABLE = "LIGHTNING_EBM_FAULT_BOARD"
OF_TORCHRUN = "TORCHELASTIC_ERROR_FILE"
"""A file of each process, in a folder of its own, in one of all."""

NOTICE = "first_fault"
INTERVAL = 0.2
"""Seconds between two looks."""


class FaultBoard:
    """Where processes of one command post that they failed; one that is alone posts nothing.

    Attributes:
        folder: of the board; None for a process that is alone.
        rank: of this process among those of the machine.
        at_end: what is left to do when the process has said why it ends.
    """

    def __init__(self) -> None:
        self.folder = _given()
        self.rank = 0 if self.folder is None else int(os.environ["LOCAL_RANK"])
        self.at_end = ExitStack()

    def post(self, status: int) -> bool:
        """Post that this process fails; whether it is the first, which is to say why.

        Args:
            status: that it ends with.
        """
        if self.folder is None:
            return True
        own = self.folder / f"{NOTICE}_{self.rank}"
        # The folder is gone if the process that made it is.
        with suppress(OSError):
            own.write_text(str(status))
            os.link(own, self.folder / NOTICE)
            return True
        return False

    def posted(self) -> int | None:
        """The status that the first failure was posted with; None if there is none."""
        if self.folder is None:
            return None
        with suppress(OSError):
            return int((self.folder / NOTICE).read_text())
        return None

    def awaited(self, seconds: float, in_vain: Callable[[], bool]) -> int | None:
        """What is posted within some seconds, unless waiting is in vain."""
        until = time.monotonic() + seconds
        while (status := self.posted()) is None and time.monotonic() < until:
            if self.folder is None or in_vain():
                return self.posted()
            time.sleep(INTERVAL)
        return status


def _given() -> Path | None:
    if "LOCAL_RANK" not in os.environ:
        return None
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    file = os.environ.get(OF_TORCHRUN)
    return None if file is None else Path(file).parents[1]

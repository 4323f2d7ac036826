"""The processes that a command runs by: if one fails, all end, soon and with its status.

Lightning kills all at once when a process that it started fails, with no word and whatever they
are writing. Here the first of them, which started the others, has time to end in good order; what
waits for a lost process in code that cannot be interrupted is ended all the same.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import lightning as L
import torch.distributed
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from lightning_ebm.cli.failures import OtherFailedError
from lightning_ebm.cli.fault_board import INTERVAL, VARIABLE, FaultBoard
from lightning_ebm.errors import INTERNAL
from lightning_ebm.needed import needed

PATIENCE = 5.0
"""Seconds that a process is given to say why it failed, and others to end by themselves."""


class FellowProcesses:
    """Those that a command runs by, as one of them sees the others.

    Args:
        board: where failures are posted; in the process that starts others it gets its folder.
        trainer: has started nothing yet.
        undo: what is done if a process fails before anything was trained.
    """

    def __init__(self, board: FaultBoard, trainer: L.Trainer, undo: Callable[[], None]) -> None:
        self.board = board
        self._undo = undo
        self._launcher = _about_to_start(trainer)
        self._started: list[subprocess.Popen[bytes]] = []
        self._ends = threading.Event()
        if self._launcher is not None and board.folder is None:
            board.folder = Path(tempfile.mkdtemp(prefix="lightning_ebm-"))
            os.environ[VARIABLE] = str(board.folder)
        board.at_end.callback(self.close)
        if board.folder is not None:
            threading.Thread(target=self._watch, args=(os.getppid(),), daemon=True).start()

    def explain(self, failure: BaseException) -> BaseException:
        """What a failure of this process comes of: another's, if it lost touch with one."""
        if self.board.folder is None or not _lost_touch(failure):
            return failure
        self._take_charge()
        status = self.board.awaited(PATIENCE, lambda: self._lost() is not None)
        self._ends.set()
        if status is not None or self.board.rank > 0:
            return OtherFailedError(status or INTERNAL)
        return failure if (lost := self._lost()) is None else OtherFailedError(INTERNAL, lost)

    def join(self) -> None:
        """Wait until those that this one has started are done as well.

        Raises:
            OtherFailedError: if one has failed.
        """
        self._take_charge()
        for process in self._started:
            process.wait()
        if (status := self.board.posted()) is not None:
            raise OtherFailedError(status)

    def close(self) -> None:
        """Kill the processes that this one has started, if they do not end soon."""
        self._ends.set()
        if self._launcher is None:
            return
        self._take_charge()
        until = time.monotonic() + PATIENCE
        for process in self._started:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        os.environ.pop(VARIABLE, None)
        shutil.rmtree(needed(self.board.folder), ignore_errors=True)

    def _take_charge(self) -> None:
        """Note what has been started, and let Lightning's own watch see none of it."""
        if self._launcher is None or self._started or not self._launcher.procs:
            return
        self._started = [*self._launcher.procs]
        watched, self._launcher.procs = self._launcher.procs, self._started
        watched.clear()

    def _watch(self, parent: int) -> None:
        while self.board.posted() is None and os.getppid() == parent and self._lost() is None:
            if self._ends.wait(INTERVAL):
                return
            self._take_charge()
        if self._ends.wait(PATIENCE):
            return
        # A process posts before it ends.
        lost, status = self._lost(), self.board.posted()
        if status is None and lost is not None:
            sys.stderr.write(f"error: {lost}\n")
        if status is None and VARIABLE in os.environ:
            # Whoever made the board may be gone.
            shutil.rmtree(needed(self.board.folder), ignore_errors=True)
        self._undo()
        self.close()
        sys.stdout.flush()
        os._exit(status or INTERNAL)

    def _lost(self) -> str | None:
        """Which of the processes started has ended badly, in a sentence; None if none has."""
        for rank, process in enumerate(self._started, start=1):
            code = process.poll()
            if code:
                killed = f"was killed by {signal.Signals(-code).name}" if code < 0 else None
                how = killed or f"ended with status {code}"
                return (
                    f"process {rank} of the command {how}, and so the others end: what was saved "
                    "before is whole; go on with --ckpt_path=last"
                )
        return None


def _about_to_start(trainer: L.Trainer) -> _SubprocessScriptLauncher | None:
    """What will start other processes from this one, if that is how it is."""
    launcher = trainer.strategy.launcher
    if not isinstance(launcher, _SubprocessScriptLauncher):
        return None
    alone = launcher.cluster_environment.creates_processes_externally
    return None if alone else launcher


def _lost_touch(failure: BaseException) -> bool:
    """Whether a process failed since another did not answer."""
    said = str(failure).lower()
    talks = any(word in said for word in ("gloo", "nccl"))
    known = isinstance(failure, torch.distributed.DistError)
    return known or (isinstance(failure, RuntimeError) and talks)

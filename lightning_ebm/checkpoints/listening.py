"""Signals that ask a run to stop: noted when they come, heeded when a step is done."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

import lightning as L
import torch

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class Listener:
    """Notes the first signal that this process is sent, of those that nobody else listens to.

    Attributes:
        received: its number; None before it comes.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def listen(self, numbers: Iterable[int], before: dict[int, Any]) -> None:
        """Listen, in the main thread, to signals for which the user has no handler.

        Args:
            numbers: of the signals.
            before: the handlers that there were before anybody's here.
        """
        self.received = None
        if threading.current_thread() is not threading.main_thread():
            return
        for number in set(numbers):
            if before[number] in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = signal.signal(number, self._on_signal)

    def cease(self) -> None:
        """Put the handlers back that there were when listening began."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def told(self, trainer: L.Trainer) -> int:
        """The signal that any process has received, 0 for none; all processes must ask."""
        if trainer.world_size == 1:
            return self.received or 0
        mine = torch.tensor(self.received or 0, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(mine, reduce_op="max"))

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None and number == signal.SIGINT:
            raise SystemExit(128 + number)
        if self.received is None and os.environ.get("LOCAL_RANK", "0") == "0":
            # Not by a stream, which the signal may have interrupted in the middle of a line.
            name = signal.Signals(number).name
            os.write(2, f"\n{name}: saving when this step is done; Ctrl-C ends at once\n".encode())
        self.received = self.received or number

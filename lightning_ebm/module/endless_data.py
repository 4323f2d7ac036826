"""Passes over data without end, which go on where they stood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from torch import Tensor

from lightning_ebm.random_state import Moment, set_random_state


class EndlessData:
    """Pass after pass over data whose order and noise are drawn from the global generators.

    A pass that was left half way is gone through again up to there, drawing what it drew, and
    with the generators as they then were.

    Args:
        one_pass: begins a pass.
        resumed: the state of one that goes on; None for a new one.
    """

    def __init__(
        self, one_pass: Callable[[], Iterator[Tensor]], resumed: dict[str, Any] | None = None
    ) -> None:
        self.one_pass = one_pass
        self._resumed = resumed
        self._began: dict[str, object] = {}
        self._behind = 0

    def __iter__(self) -> Iterator[Tensor]:
        yield from self._rest_of_resumed()
        while True:
            self._began, self._behind = Moment.now().plain(), 0
            yield from self._counted(self.one_pass())

    def state_dict(self) -> dict[str, Any]:
        """Where the generators stood when the pass began, and how many batches are behind."""
        return {"began": self._began, "behind": self._behind}

    def _rest_of_resumed(self) -> Iterator[Tensor]:
        if self._resumed is None:
            return
        now = Moment.now()
        self._began, self._behind = self._resumed["began"], self._resumed["behind"]
        set_random_state(self._began)
        batches = self.one_pass()
        for _ in islice(batches, self._behind):
            pass
        now.put_back()
        yield from self._counted(batches)

    def _counted(self, batches: Iterator[Tensor]) -> Iterator[Tensor]:
        for x in batches:
            self._behind += 1
            yield x

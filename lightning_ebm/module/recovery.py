"""What a run goes back to when a step is not finite: its latest good states, kept in memory.

It owns copies of what learns and of what draws, a few dozen steps apart, and the number of times
that a run has gone back, which a checkpoint holds.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from lightning_ebm.optimizers import JointOptimizer
from lightning_ebm.random_state import Moment

EVERY = 25
"""Steps between two states kept."""
SLOWER = 0.5
"""Factor on all learning rates, each time that a run goes back."""
KEY = "rollbacks"


@dataclass(frozen=True)
class State:
    """What training was at a step.

    Attributes:
        step: steps taken.
        networks: state of each network that changes, by name.
        optimizer: state of the joint optimizer.
        random: where the random generators stood.
    """

    step: int
    networks: dict[str, dict[str, Any]]
    optimizer: dict[str, Any]
    random: Moment


class Recovery:
    """Keeps states, and puts one back.

    Args:
        most: times that a run may go back.

    Attributes:
        count: times that it has.
        blamed: what was not finite of the latest loss that was not.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 0
        self.blamed: list[str] = []
        self._kept: deque[State] = deque(maxlen=2)

    @property
    def exhausted(self) -> bool:
        """Whether the run may not go back again."""
        return self.count >= self.most

    def watch(self, step: int, networks: dict[str, nn.Module], joint: JointOptimizer) -> None:
        """Keep the state after every few steps, and the first that is seen."""
        if not self._kept or step - self._kept[-1].step >= EVERY:
            states = {name: network.state_dict() for name, network in networks.items()}
            self._kept.append(
                State(step, _copied(states), _copied(joint.state_dict()), Moment.now())
            )

    def blame(self, parts: dict[str, Tensor | None], besides: Iterable[str] = ()) -> None:
        """Note which parts of a loss are not finite, by name, and what else is not."""
        found = {name: part for name, part in parts.items() if part is not None}
        self.blamed = [name for name, part in found.items() if not part.isfinite().all()]
        self.blamed += besides

    def put_back(self, networks: dict[str, nn.Module], joint: JointOptimizer) -> State:
        """Put the older of the states kept back, with the learning rates as they are now.

        The newer may be too near to what went wrong.
        """
        state = self._kept[0]
        self._kept = deque([state], maxlen=2)
        self.blamed = []
        rates = [group["lr"] for group in joint.param_groups]
        for name, network in networks.items():
            network.load_state_dict(copy.deepcopy(state.networks[name]))
        joint.load_state_dict(copy.deepcopy(state.optimizer))
        joint.zero_grad()
        for group, rate in zip(joint.param_groups, rates, strict=True):
            group["lr"] = rate
        return state

    def go_back(
        self, networks: dict[str, nn.Module], joint: JointOptimizer, schedulers: Iterable[Any]
    ) -> State:
        """Put a state back and halve the learning rates, now and in schedulers, for good."""
        state = self.put_back(networks, joint)
        self.count += 1
        for group in joint.param_groups:
            for rate in ("lr", "initial_lr", "max_lr", "min_lr"):
                if rate in group:
                    group[rate] = group[rate] * SLOWER
        for scheduler in _with_inner(schedulers):
            for rates in ("base_lrs", "max_lrs"):
                if hasattr(scheduler, rates):
                    slower = [rate * SLOWER for rate in getattr(scheduler, rates)]
                    setattr(scheduler, rates, slower)
        return state

    def save(self, checkpoint: dict[str, Any]) -> None:
        """Write the count into a checkpoint."""
        checkpoint[KEY] = self.count

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Take it up; states are kept anew."""
        self.count = checkpoint.get(KEY, 0)
        self._kept.clear()


def _copied(state: Any) -> Any:  # noqa: ANN401 - containers in any nesting
    """As `copy.deepcopy`, which takes its time over every tensor, and over their many owners."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        # Shallow at first, for what a state of modules carries beside its items.
        mine = copy.copy(state)
        mine.update({key: _copied(value) for key, value in state.items()})
        return mine
    if type(state) is list:
        return [_copied(value) for value in state]
    return copy.deepcopy(state)


def _with_inner(schedulers: Iterable[Any]) -> Iterator[Any]:
    """Schedulers, and those that they put in sequence or in a chain."""
    for scheduler in schedulers:
        yield scheduler
        yield from _with_inner(getattr(scheduler, "_schedulers", ()))

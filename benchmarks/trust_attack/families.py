"""The families of cases: how each is made, how many there are, and what they are for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.trust_attack import lost_modes, right_cases, wrong_shapes, wrong_weights
from benchmarks.trust_attack.case import Case, Parts, make

ATTACK, RIGHT, BEYOND = "attack", "right", "beyond reach"
"""What a family is for: a wrong verdict is likely; trust is deserved; nothing could know."""


@dataclass(frozen=True)
class Family:
    """Cases of one kind.

    Attributes:
        make_parts: makes what a case is made of, at random.
        size: how many cases there are.
        aim: `ATTACK`, `RIGHT` or `BEYOND`.
    """

    make_parts: Callable[[], Parts]
    size: int
    aim: str

    @property
    def name(self) -> str:
        """Its name, that of what makes it."""
        return self.make_parts.__name__

    def case(self, index: int, seed: int) -> Case:
        """Case number `index`."""
        return make(self.name, self.make_parts, index, seed)


_ATTACKS = (
    lost_modes.lost_in_data,
    lost_modes.nearly_lost,
    lost_modes.lost_without_data,
    lost_modes.spurious,
    wrong_shapes.narrow_in_broad,
    wrong_shapes.heavy_tails,
    wrong_shapes.light_tails,
    wrong_shapes.ridges,
    wrong_weights.tilts,
    wrong_weights.products,
    wrong_weights.stuck_chains,
    wrong_weights.annealed,
)
_RIGHT = {
    right_cases.close: 20,
    right_cases.other_weights: 20,
    right_cases.bounded_tails: 16,
    right_cases.close_ridges: 16,
    right_cases.close_products: 16,
    right_cases.easily_annealed: 12,
}

FAMILIES = {
    family.name: family
    for family in (
        *(Family(make_parts, 25, ATTACK) for make_parts in _ATTACKS),
        *(Family(make_parts, size, RIGHT) for make_parts, size in _RIGHT.items()),
        Family(lost_modes.beyond_reach, 10, BEYOND),
    )
}
"""300 attacks, 100 cases that are right, and 10 that nobody could know."""

"""Says, once each, that chains of training stand where the density is zero, or have stopped."""

from __future__ import annotations

from collections import deque

from lightning.pytorch.utilities import rank_zero_warn

from lightning_ebm.sampler import Draw

PATIENCE = 50
OLD = 100
"""Draws since a chain was renewed from which on its age is watched."""


class ChainWatch:
    """Looks at every draw of training; a sampler that does not report such shares is not judged.

    Attributes:
        still: draws in a row in which no chain moved.
        ages: in draws, of the latest draws, where a sampler reports them.
    """

    def __init__(self) -> None:
        self.still = 0
        self.ages: deque[float] = deque(maxlen=PATIENCE)
        self._said: set[str] = set()

    def see(self, draw: Draw) -> None:
        """Take note of a draw; warn if chains are left at zero density or none has moved long."""
        n, left = len(draw.x), draw.info.get("zero_density_left")
        if left is not None and left > 0:
            self._say(
                "zero density",
                f"{round(float(left) * n)} of {n} chains stand where the model's density is zero, "
                "and new draws of their start stand there too: begin chains where the model has "
                "mass, by the sampler's start (FromData, FromFlow, or Persistent with one of them "
                "as its first)",
            )
        unmoved = draw.info.get("unmoved")
        self.still = self.still + 1 if unmoved is not None and unmoved == 1 else 0
        self._see_age(draw)
        if self.still == PATIENCE:
            self._say(
                "still",
                f"none of the {n} chains has moved for {PATIENCE} draws, so that the energy "
                "learns from frozen points: give the sampler a smaller step_size, or a "
                "target_acceptance for it to adapt to",
            )

    def _see_age(self, draw: Draw) -> None:
        """Of a sampler that tempers: are chains at β = 1 renewed faster than they age?"""
        age = draw.info.get("age")
        if age is None:
            return
        rounds = float(draw.info.get("rounds", 1))
        # A state that no swap renews is a draw older at every draw.
        self.ages.append(float(age) / rounds)
        older = self.ages[-1] - self.ages[0]
        if len(self.ages) == PATIENCE and self.ages[-1] > OLD and older > PATIENCE / 2:
            self._say(
                "age",
                f"the energy moves faster than chains follow: those at β = 1 came from the flow "
                f"{self.ages[-1]:.0f} draws ago on average, and more than half of them are no "
                "longer renewed. Lower the energy's learning rate, or give the sampler more "
                f"n_rounds than {rounds:.0f} or a max_age to keep to",
            )

    def _say(self, topic: str, sentence: str) -> None:
        if topic not in self._said:
            self._said.add(topic)
            rank_zero_warn(sentence)

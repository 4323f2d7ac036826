"""Says, once each, that chains of training stand where the density is zero, or have stopped."""

from __future__ import annotations

from lightning.pytorch.utilities import rank_zero_warn

from lightning_ebm.sampler import Draw

PATIENCE = 50


class ChainWatch:
    """Looks at every draw of training; a sampler that does not report such shares is not judged.

    Attributes:
        still: draws in a row in which no chain moved.
    """

    def __init__(self) -> None:
        self.still = 0
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
        if self.still == PATIENCE:
            self._say(
                "still",
                f"none of the {n} chains has moved for {PATIENCE} draws, so that the energy "
                "learns from frozen points: give the sampler a smaller step_size, or a "
                "target_acceptance for it to adapt to",
            )

    def _say(self, topic: str, sentence: str) -> None:
        if topic not in self._said:
            self._said.add(topic)
            rank_zero_warn(sentence)

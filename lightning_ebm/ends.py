"""What is known of points between two distributions: of the ends of the path between them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Ends(NamedTuple):
    """What is known at n points of the two ends of a geometric path, log ρ + β log w.

    Attributes:
        log_reference: log ρ `(n,)`.
        log_weight: log w = log p̃ - log ρ `(n,)`.
        reference_score: gradient of log ρ `(n, *event)`, or None.
        weight_score: gradient of log w `(n, *event)`, or None.
    """

    log_reference: Tensor
    log_weight: Tensor
    reference_score: Tensor | None = None
    weight_score: Tensor | None = None

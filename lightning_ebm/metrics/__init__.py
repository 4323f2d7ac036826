"""torchmetrics metrics of what a model is: weights of modes and classes, synchronised."""

from lightning_ebm.metrics.weights import (
    FALSE_ALARM,
    ClassWeights,
    MembershipWeights,
    ModeWeights,
    Weights,
    clopper_pearson,
)

__all__ = [
    "FALSE_ALARM",
    "ClassWeights",
    "MembershipWeights",
    "ModeWeights",
    "Weights",
    "clopper_pearson",
]

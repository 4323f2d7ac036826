"""torchmetrics metrics of what a model is: weights of modes and classes, synchronised."""

from lightning_ebm.metrics.weights import ClassWeights, MembershipWeights, ModeWeights, Weights

__all__ = ["ClassWeights", "MembershipWeights", "ModeWeights", "Weights"]

"""The normalising constant: estimates from below, from above and between, with a verdict."""

from lightning_ebm.evaluation.log_z.annealing import Annealing, WeightedPoints
from lightning_ebm.evaluation.log_z.bridge import bridge_sampling
from lightning_ebm.evaluation.log_z.estimate import Estimate
from lightning_ebm.evaluation.log_z.importance import (
    importance_sampling,
    reverse_importance_sampling,
)
from lightning_ebm.evaluation.log_z.sandwich import (
    FEW_DRAWS,
    Sandwich,
    annealed_sandwich,
    flow_sandwich,
)

__all__ = [
    "FEW_DRAWS",
    "Annealing",
    "Estimate",
    "Sandwich",
    "WeightedPoints",
    "annealed_sandwich",
    "bridge_sampling",
    "flow_sandwich",
    "importance_sampling",
    "reverse_importance_sampling",
]

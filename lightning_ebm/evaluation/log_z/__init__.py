"""The normalising constant: estimates from below, from above and between, with a verdict."""

from lightning_ebm.evaluation.log_z.annealing import Annealing, WeightedPoints
from lightning_ebm.evaluation.log_z.bridge import bridge_sampling
from lightning_ebm.evaluation.log_z.estimate import Estimate
from lightning_ebm.evaluation.log_z.importance import (
    importance_sampling,
    reverse_importance_sampling,
)
from lightning_ebm.evaluation.log_z.ladder import ladder_sandwich
from lightning_ebm.evaluation.log_z.local_mass import local_log_masses
from lightning_ebm.evaluation.log_z.log_z import LogZ
from lightning_ebm.evaluation.log_z.sandwich import (
    FEW_DRAWS,
    UNSEEN,
    Sandwich,
    annealed_sandwich,
    flow_sandwich,
)
from lightning_ebm.evaluation.log_z.unaccounted import unaccounted_shares
from lightning_ebm.evaluation.log_z.verdict import Verdict, conclude

__all__ = [
    "FEW_DRAWS",
    "UNSEEN",
    "Annealing",
    "Estimate",
    "LogZ",
    "Sandwich",
    "Verdict",
    "WeightedPoints",
    "annealed_sandwich",
    "bridge_sampling",
    "conclude",
    "flow_sandwich",
    "importance_sampling",
    "ladder_sandwich",
    "local_log_masses",
    "reverse_importance_sampling",
    "unaccounted_shares",
]

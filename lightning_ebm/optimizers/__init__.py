"""Two networks, each with optimizer and scheduler, as the one of each that Lightning drives."""

from lightning_ebm.optimizers.joint_optimizer import JointOptimizer, decay_layers_only
from lightning_ebm.optimizers.joint_scheduler import BEHIND, JointScheduler

__all__ = ["BEHIND", "JointOptimizer", "JointScheduler", "decay_layers_only"]

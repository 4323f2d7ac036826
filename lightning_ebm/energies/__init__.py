"""Energy networks."""

from lightning_ebm.energies.conv_net import ConvNet
from lightning_ebm.energies.energy import Energy
from lightning_ebm.energies.mlp import MLP

__all__ = ["MLP", "ConvNet", "Energy"]

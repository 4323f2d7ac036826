"""Energy networks."""

from lightning_ebm.energies.bfloat16 import InBfloat16
from lightning_ebm.energies.conv_net import ConvNet
from lightning_ebm.energies.energy import AnyEnergy, Energy
from lightning_ebm.energies.mlp import MLP
from lightning_ebm.energies.sequential import Sequential

__all__ = ["MLP", "AnyEnergy", "ConvNet", "Energy", "InBfloat16", "Sequential"]

"""lightning-ebm: energy-based models trained by maximum likelihood, with calibrated densities."""

from lightning_ebm.energies import MLP, ConvNet, Energy
from lightning_ebm.errors import SettingError
from lightning_ebm.flows import Flow, Glow, NeuralSpline, RealNVP
from lightning_ebm.kernels import Kernel
from lightning_ebm.module import EBMLightningModule
from lightning_ebm.problem import Problem
from lightning_ebm.sampler import MCMC, Draw, Sampler
from lightning_ebm.standalone import SampleResult, sample
from lightning_ebm.starts import Start

__version__ = "0.1.0"

__all__ = [
    "MCMC",
    "MLP",
    "ConvNet",
    "Draw",
    "EBMLightningModule",
    "Energy",
    "Flow",
    "Glow",
    "Kernel",
    "NeuralSpline",
    "Problem",
    "RealNVP",
    "SampleResult",
    "Sampler",
    "SettingError",
    "Start",
    "sample",
]

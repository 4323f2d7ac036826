"""lightning-ebm: energy-based models trained by maximum likelihood, with calibrated densities."""

from typing import TYPE_CHECKING

from lightning_ebm.lazy_names import lazy_names

if TYPE_CHECKING:
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

# PEP 562: what is used is imported, and nothing else. Hidden from type checkers, which would take
# any name for one that there is.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "energies": ("MLP", "ConvNet", "Energy"),
            "errors": ("SettingError",),
            "flows": ("Flow", "Glow", "NeuralSpline", "RealNVP"),
            "kernels": ("Kernel",),
            "module": ("EBMLightningModule",),
            "problem": ("Problem",),
            "sampler": ("MCMC", "Draw", "Sampler"),
            "standalone": ("SampleResult", "sample"),
            "starts": ("Start",),
        },
    )

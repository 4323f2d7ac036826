"""Markov transitions, a file per kernel."""

from lightning_ebm.kernels.compiled import CompiledSteps
from lightning_ebm.kernels.crank_nicolson import CrankNicolson, CrankNicolsonISIR
from lightning_ebm.kernels.cycle import Cycle
from lightning_ebm.kernels.generalised_hmc import GeneralisedHMC
from lightning_ebm.kernels.gradient_ascent import GradientAscent
from lightning_ebm.kernels.hmc import HMC
from lightning_ebm.kernels.imh import IMH
from lightning_ebm.kernels.isir import ISIR
from lightning_ebm.kernels.kernel import Info, Kernel, average, in_a_row
from lightning_ebm.kernels.mala import MALA
from lightning_ebm.kernels.metropolis import decide, metropolis_hastings
from lightning_ebm.kernels.step_size import StepSize
from lightning_ebm.kernels.ula import ULA

__all__ = [
    "HMC",
    "IMH",
    "ISIR",
    "MALA",
    "ULA",
    "CompiledSteps",
    "CrankNicolson",
    "CrankNicolsonISIR",
    "Cycle",
    "GeneralisedHMC",
    "GradientAscent",
    "Info",
    "Kernel",
    "StepSize",
    "average",
    "decide",
    "in_a_row",
    "metropolis_hastings",
]

"""Companion flows: `Flow` wraps any model of normflows or zuko; the usual ones have builders."""

from lightning_ebm.flows.flow import AnyFlow, Flow, as_flow
from lightning_ebm.flows.glow import Glow
from lightning_ebm.flows.mixture_base import MixtureBase
from lightning_ebm.flows.neural_spline import NeuralSpline
from lightning_ebm.flows.real_nvp import RealNVP

__all__ = ["AnyFlow", "Flow", "Glow", "MixtureBase", "NeuralSpline", "RealNVP", "as_flow"]

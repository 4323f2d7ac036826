"""How right a density is."""

from lightning_ebm.evaluation.mode_weights import mode_crossings, mode_weights, total_variation
from lightning_ebm.evaluation.quadrature import Quadrature, density_report

__all__ = ["Quadrature", "density_report", "mode_crossings", "mode_weights", "total_variation"]

"""How right a density is."""

from lightning_ebm.evaluation.mode_weights import mode_crossings, mode_weights, total_variation
from lightning_ebm.evaluation.quadrature_report import density_report

__all__ = ["density_report", "mode_crossings", "mode_weights", "total_variation"]

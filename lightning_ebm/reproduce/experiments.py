"""The experiments that there are, by name."""

from __future__ import annotations

from lightning_ebm.reproduce.classes import Classes
from lightning_ebm.reproduce.dimensionality import Dimensionality
from lightning_ebm.reproduce.experiment import Experiment
from lightning_ebm.reproduce.motivating import Motivating
from lightning_ebm.reproduce.multimodality import Multimodality
from lightning_ebm.reproduce.samplers import Samplers

EXPERIMENTS: dict[str, Experiment] = {
    "motivating": Motivating(),
    "multimodality": Multimodality(),
    "dimensionality": Dimensionality(),
    "samplers": Samplers(),
    "classes": Classes(),
}

"""What there is to know of a model, a measure each; `validate` and `test` run them all."""

from lightning_ebm.evaluation.measures.chains import ChainConvergence
from lightning_ebm.evaluation.measures.density import KnownDensityError
from lightning_ebm.evaluation.measures.group_weights import (
    SampledClassWeights,
    SampledModeWeights,
)
from lightning_ebm.evaluation.measures.image_distances import ImageDistances
from lightning_ebm.evaluation.measures.ladder import LadderConduct
from lightning_ebm.evaluation.measures.likelihood import Likelihood
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.evaluation.measures.sample_distances import SampleDistances
from lightning_ebm.evaluation.measures.standing_chains import StandingChains

__all__ = [
    "ChainConvergence",
    "Figures",
    "ImageDistances",
    "KnownDensityError",
    "LadderConduct",
    "Likelihood",
    "Measure",
    "SampleDistances",
    "SampledClassWeights",
    "SampledModeWeights",
    "StandingChains",
    "default_measures",
]


def default_measures() -> list[Measure]:
    """What is measured unless `model.measures` says otherwise; each knows when it applies."""
    return [
        KnownDensityError(),
        Likelihood(),
        LadderConduct(),
        SampledModeWeights(),
        SampledClassWeights(),
        StandingChains(),
        ChainConvergence(),
        SampleDistances(),
    ]

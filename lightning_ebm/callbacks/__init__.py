"""What a run shows and writes: pictures, weights of modes, metrics and samples."""

from lightning_ebm.callbacks.files import SampleFiles
from lightning_ebm.callbacks.metrics_file import MetricsFile
from lightning_ebm.callbacks.mode_weights import ModeWeights
from lightning_ebm.callbacks.pictures import Pictures

__all__ = ["MetricsFile", "ModeWeights", "Pictures", "SampleFiles"]

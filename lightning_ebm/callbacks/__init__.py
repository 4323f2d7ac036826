"""What a run shows and writes: pictures, weights of modes, metrics, samples, TensorBoard."""

from lightning_ebm.callbacks.files import SampleFiles
from lightning_ebm.callbacks.metrics_file import MetricsFile
from lightning_ebm.callbacks.mode_weights import ModeWeights
from lightning_ebm.callbacks.pictures import Pictures
from lightning_ebm.callbacks.tensorboard import EBMTensorBoardLogger

__all__ = ["EBMTensorBoardLogger", "MetricsFile", "ModeWeights", "Pictures", "SampleFiles"]

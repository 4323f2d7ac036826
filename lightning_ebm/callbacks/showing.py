"""A figure as a picture, for whichever loggers can show one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy
from lightning.pytorch.loggers import Logger, TensorBoardLogger

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = numpy.ndarray


def pixels(figure: Figure) -> Pixels:
    """Draw a figure, as `(height, width, 4)` of bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return numpy.asarray(canvas.buffer_rgba())


def show(logger: Logger, name: str, picture: Pixels, caption: str, step: int) -> None:
    """Show a picture by TensorBoard, by W&B, by MLflow, or by a logger with their methods.

    Args:
        logger: one that has none of them is passed over.
        name: under which the pictures of all steps stand.
        picture: as `pixels` draws it.
        caption: what it shows.
        step: of training.
    """
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(f"pictures/{name}", picture, step, dataformats="HWC")
    elif hasattr(logger, "log_image"):
        logger.log_image(f"pictures/{name}", [picture], step=step, caption=[caption])
    elif hasattr(logger, "run_id"):
        experiment: Any = getattr(logger, "experiment", None)
        if hasattr(experiment, "log_image"):
            experiment.log_image(
                logger.run_id, picture, artifact_file=f"pictures/{name}_step_{step:06d}.png"
            )

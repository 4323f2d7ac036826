"""Pictures of a run, in TensorBoard, W&B or MLflow, and as PNG files in the run's folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import lightning as L
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lightning_ebm.callbacks.drawing import image_grids, plane
from lightning_ebm.callbacks.model_of import model_of
from lightning_ebm.callbacks.showing import pixels, show
from lightning_ebm.errors import SettingError
from lightning_ebm.module import EBMLightningModule
from lightning_ebm.needed import needed
from lightning_ebm.random_state import isolated
from lightning_ebm.ranges import is_number, require_count
from lightning_ebm.undeclared import undeclared


class Pictures(L.Callback):
    """Draw data, model, flow, chains and the sampler itself now and then, and when training ends.

    In the plane: data, chains, and the densities of model and flow. For images: grids of
    data, chains and flow samples. Of a sampler whatever its `picture` shows. Drawing uses none of
    the run's randomness.

    Args:
        every_n_steps: steps between pictures.
        n_images: images per grid.
        show_range: values of images without a data module's `to_images`, from black to white.
    """

    def __init__(
        self,
        every_n_steps: int = 500,
        n_images: int = 64,
        show_range: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        require_count("pictures.every_n_steps", every_n_steps)
        require_count("pictures.n_images", n_images, most=10_000)
        if len(show_range) != 2 or not (
            all(is_number(end) and math.isfinite(end) for end in show_range)
            and show_range[0] < show_range[1]
        ):
            raise SettingError(
                f"pictures.show_range is {list(show_range)}: give the value of black, and a "
                "larger one of white"
            )
        self.every_n_steps = every_n_steps
        self.n_images = n_images
        self.show_range = show_range
        self.drawn_at = -1
        self.batch: Any = None

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Draw at every n-th step."""
        self.batch = batch
        if trainer.global_step % self.every_n_steps == 0:
            self._draw(trainer, model_of(pl_module))

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw the end, unless it was drawn."""
        self._draw(trainer, model_of(pl_module))

    def _draw(self, trainer: L.Trainer, pl_module: EBMLightningModule) -> None:
        step = trainer.global_step
        if self.batch is None or self.drawn_at == step:
            return
        self.drawn_at = step
        # Lightning asks all processes for the folder's name.
        log_dir = trainer.log_dir
        if not trainer.is_global_zero:
            return
        figures = {"model": self._figure(trainer, pl_module)}
        figures["sampler"] = pl_module.sampler.picture()
        for name, figure in figures.items():
            if figure is not None:
                if not figure.get_suptitle():
                    figure.suptitle(f"{name} at step {step}")
                _show(trainer, log_dir, name, figure, step)

    @torch.no_grad()
    def _figure(self, trainer: L.Trainer, pl_module: EBMLightningModule) -> Figure | None:
        data, chains = pl_module.points(self.batch), needed(pl_module.latest_draw).x
        flow = pl_module.flow if pl_module.sampler.uses_flow else None
        title = f"{type(pl_module.sampler).__name__}, step {trainer.global_step}"
        with isolated():
            if tuple(data.shape[1:]) == (2,):
                points = {f"data: {len(data)} of the batch": data, f"{len(chains)} chains": chains}
                densities = {"density of the model": pl_module.evaluated_log_density}
                if flow is not None:
                    densities["density of the flow"] = flow.log_prob
                return plane(points, densities, title)
            if data.dim() != 4:
                return None
            grids = {"data": data, "chains": chains}
            if flow is not None:
                grids["draws of the flow"] = flow.sample(self.n_images)[0]
            shown = {k: self._to_images(trainer, x[: self.n_images]) for k, x in grids.items()}
            return image_grids(shown, title)

    def _to_images(self, trainer: L.Trainer, x: Tensor) -> Tensor:
        to_images = getattr(undeclared(trainer).datamodule, "to_images", None)
        if to_images is not None:
            images: Tensor = to_images(x)
            return images
        low, high = self.show_range
        return ((x - low) / (high - low)).clamp(0, 1)


def _show(trainer: L.Trainer, log_dir: str | None, name: str, figure: Figure, step: int) -> None:
    picture = pixels(figure)
    for logger in trainer.loggers:
        show(logger, name, picture, figure.get_suptitle(), step)
    if log_dir is not None:
        folder = Path(log_dir) / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        prefix = "" if name == "model" else f"{name}_"
        Image.fromarray(picture).save(folder / f"{prefix}step_{step:06d}.png")

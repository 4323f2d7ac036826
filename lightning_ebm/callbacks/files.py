"""The samples that `predict` leaves in the run's folder, and where that folder is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy
import torch
from lightning.pytorch.callbacks import BasePredictionWriter

from lightning_ebm.callbacks.drawing import image_grids, plane
from lightning_ebm.callbacks.model_of import model_of
from lightning_ebm.checkpoints import reading
from lightning_ebm.checkpoints.writable import require_writable
from lightning_ebm.module import EBMLightningModule
from lightning_ebm.undeclared import undeclared


class SampleFiles(BasePredictionWriter):
    """Write the samples of `predict` to `samples.npz` and `samples.png`.

    `x` and `energy` are in the model's space; `values` are `x` in the units of the data, where the
    data module tells them by `to_data`.
    """

    def __init__(self) -> None:
        super().__init__(write_interval="epoch")

    def on_predict_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Refuse to draw samples that could not be kept."""
        require_writable(run_folder(trainer), "ckpt_path", trainer.ckpt_path)

    def write_on_epoch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        predictions: Sequence[dict[str, torch.Tensor]],
        batch_indices: Sequence[Any],
    ) -> None:
        """Gather the samples of all processes and write them once."""
        mine = {key: torch.cat([p[key] for p in predictions]).cpu() for key in ("x", "energy")}
        everyone = [mine]
        if trainer.world_size > 1:
            everyone = [mine] * trainer.world_size
            torch.distributed.all_gather_object(everyone, mine)
        folder = run_folder(trainer)
        if not trainer.is_global_zero:
            return
        samples = {key: torch.cat([part[key] for part in everyone]) for key in mine}
        arrays: dict[str, Any] = {key: value.float().numpy() for key, value in samples.items()}
        to_data = getattr(undeclared(trainer).datamodule, "to_data", None)
        if to_data is not None:
            arrays["values"] = to_data(samples["x"]).numpy()
        numpy.savez(folder / "samples.npz", **arrays)
        written = [str(folder / "samples.npz")]
        if self._draw(trainer, model_of(pl_module), samples["x"], folder / "samples.png"):
            written.append(str(folder / "samples.png"))
        print(f"{len(samples['x'])} samples written to {' and '.join(written)}")

    def _draw(
        self, trainer: L.Trainer, pl_module: EBMLightningModule, x: torch.Tensor, path: Path
    ) -> bool:
        if x.shape[1:] == (2,):
            on_device = x.to(pl_module.device)
            densities = {"density of the model": pl_module.evaluated_log_density}
            plane({"samples": on_device}, densities, f"{len(x)} samples").savefig(path)
        elif x.dim() == 4:
            module = undeclared(trainer).datamodule
            to_images = getattr(module, "to_images", lambda x: (x + 1) / 2)
            shown = to_images(x[:256]).clamp(0, 1)
            image_grids({"samples": shown}, f"{len(shown)} of {len(x)} samples").savefig(
                path, dpi=200
            )
        else:
            return False
        return True


def run_folder(trainer: L.Trainer) -> Path:
    """The folder of the run that a checkpoint belongs to, else where this trainer logs.

    Every process must ask: Lightning agrees on the folder among them.
    """
    if trainer.ckpt_path is not None:
        folder = reading.run_folder(Path(trainer.ckpt_path))
    else:
        folder = Path(trainer.log_dir or trainer.default_root_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""Lightning's hooks that look at a model: validation, test, predict. None of it changes a run."""

from __future__ import annotations

from typing import Any, cast

import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lightning_ebm.module.generative import GenerativeModel
from lightning_ebm.module.learners import Learners
from lightning_ebm.needed import needed


class EvaluatedByLightning(GenerativeModel):
    """What `EBMLightningModule` does where Trainer validates, tests or predicts.

    Attributes:
        learners: are told that a validation has ended, on which schedulers may wait.
        n_chains: negative samples per step and process, or None for as many as data.
    """

    learners: Learners
    n_chains: int | None

    def on_validation_epoch_start(self) -> None:
        """Begin to collect the batches."""
        self.evaluation.begin()

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Collect the held-out data."""
        self.evaluation.see(self.points(batch))

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        """Log what the model is, under `val/`.

        While training waits the run's own chains stand for fresh ones, which would take long.
        """
        waits = self.trainer.state.fn == TrainerFn.FITTING
        if waits and self.latest_draw is None:
            return
        subject = self.subject(self.latest_draw if waits else None)
        figures = self.evaluation.figures(subject)
        self._log_all({f"val/{_bare(name)}": value for name, value in figures.items()})
        if not waits:
            self.normalise_by(self.evaluation.log_z)
        if waits and not self.trainer.sanity_checking:
            needed(self.learners.scheduler).observe(self.trainer.callback_metrics)

    def on_validation_end(self) -> None:
        """Put the stream back: iterating over validation data has drawn from it."""
        if not self.trainer.sanity_checking:
            self.negative_phase.put_back()

    def on_test_epoch_end(self) -> None:
        """Log what the model is, and normalise it by what was found of log Z."""
        self._log_all(self.evaluation.figures(self.subject()))
        self.normalise_by(self.evaluation.log_z)

    def predict_dataloader(self) -> DataLoader[int]:
        """Numbers of the samples to draw, in batches of the size of a training step's chains."""
        n = self.evaluation.n_samples
        # Torch takes any sequence, and does not say so.
        numbers = cast("Dataset[int]", range(n))
        return DataLoader(numbers, batch_size=self.n_chains or n)

    def predict_step(self, batch: Tensor, batch_idx: int) -> dict[str, Tensor]:
        """Draw as many fresh samples as the batch has numbers: `x (n, *event)`, `energy (n,)`."""
        draw = self.fresh_draw(len(batch), stream=batch_idx)
        return {"x": draw.x, "energy": -self.evaluated_log_density(draw.x)}

    def _log_all(self, metrics: dict[str, Tensor | float]) -> None:
        values = {k: torch.as_tensor(v, dtype=torch.float32) for k, v in metrics.items()}
        self.log_dict(values, sync_dist=True)


def _bare(name: str) -> str:
    return name.removeprefix("model/").removeprefix("test/")

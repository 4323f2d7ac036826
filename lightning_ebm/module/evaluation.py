"""What `validate`, `test` and `predict` compute; none of it changes a run."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lightning_ebm.evaluation import (
    density_report,
    mode_crossings,
    mode_weights,
    total_variation,
)
from lightning_ebm.evaluation.importance_report import importance_report
from lightning_ebm.evaluation.known_density import KnownDensity
from lightning_ebm.kernels import average
from lightning_ebm.problem import Evaluations
from lightning_ebm.random_state import isolated, seed_process
from lightning_ebm.sampler import Draw
from lightning_ebm.starts import Persistent


class EvaluationHooks:
    """The hooks of `EBMLightningModule` that look at a model.

    They evaluate the moving average of the energy where there is one.
    """

    @property
    def evaluated_energy(self) -> nn.Module:
        """The energy that is evaluated: the moving average once it has begun."""
        begun = self.average is not None and self.average.n_averaged > 0
        return self.average.module if begun else self.energy

    @torch.no_grad()
    def evaluated_log_density(self, x: Tensor) -> Tensor:
        """Unnormalised log-density `(n,)` of the model that is evaluated."""
        return self.log_density(x, self.evaluated_energy)

    def fresh_draw(self, n: int, data: Tensor | None = None, stream: int = 0) -> Draw:
        """Draw n points by chains that begin anew: the last of `fresh_draws`, averaged infos."""
        draws, _ = self.fresh_draws(n, data, stream)
        return Draw(draws[-1].x, average([draw.info for draw in draws]))

    def fresh_draws(
        self, n: int, data: Tensor | None = None, stream: int = 0
    ) -> tuple[list[Draw], Evaluations]:
        """Run n chains that begin anew; the run's own chains and randomness stay.

        Each chain runs through `evaluation_draws` draws of the sampler, with step sizes still.

        Args:
            n: number of points.
            data: a batch of data, for chains that begin there.
            stream: number that makes these draws differ from others of the same seed.

        Returns:
            The draws in order, and how often the model was evaluated for them.
        """
        kept, training = copy.deepcopy(self.sampler.state_dict()), self.sampler.training
        with isolated():
            seed_process(torch.initial_seed() + stream, self.global_rank)
            try:
                self.sampler.eval()
                self.sampler.forget()
                problem = self.problem(data, self.evaluated_energy)
                draws = [self.sampler(problem, n) for _ in range(self.evaluation_draws)]
            finally:
                self.sampler.load_state_dict(kept)
                self.sampler.train(training)
        return draws, problem.evaluations

    def on_validation_epoch_start(self) -> None:
        """Begin to collect the batches."""
        self.seen: list[Tensor] = []

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Log the energy of held-out data."""
        x = self.points(batch)
        self.seen.append(x)
        energy = -self.evaluated_log_density(x).mean()
        self.log("val/energy_data", energy, sync_dist=True, batch_size=len(x))

    def on_validation_epoch_end(self) -> None:
        """Compare with the true density, where it is known."""
        if (density := self.known_density) is not None:
            report = self._compare_with(density, torch.cat(self.seen), resolution=200)
            self._log_all(
                {
                    k.replace("model/", "val/").replace("test/", "val/"): v
                    for k, v in report.items()
                }
            )

    def test_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Collect the test data."""
        self.seen.append(self.points(batch))

    def on_test_epoch_end(self) -> None:
        """Log what the model is: energies, acceptance, and its density where that can be known."""
        test = torch.cat(self.seen)
        draws, evaluations = self.fresh_draws(self.n_samples, test)
        x = draws[-1].x
        metrics = {
            "test/energy": -self.evaluated_log_density(test).mean(),
            "samples/energy": -self.evaluated_log_density(x).mean(),
        }
        infos = average([draw.info for draw in draws])
        metrics |= {f"sampler/{key}": value for key, value in infos.items()}
        if (density := self.known_density) is not None:
            metrics |= self._compare_with(density, test)
            weights = mode_weights(x, density)
            metrics["samples/mode_weight_tv"] = total_variation(weights, density.mode_weights)
            metrics |= {f"samples/mode_weight_{k}": weight for k, weight in enumerate(weights)}
            if any(isinstance(part, Persistent) for part in self.sampler.modules()):
                crossings = mode_crossings([draw.x for draw in draws], density)
                rate = 1000 * crossings / evaluations.densities
                metrics["sampler/crossings_per_1000_evaluations"] = rate
        self._log_all(metrics)

    def predict_dataloader(self) -> DataLoader:
        """Numbers of the samples to draw, in batches of the size of a training step's chains."""
        return DataLoader(range(self.n_samples), batch_size=self.n_chains or self.n_samples)

    def predict_step(self, batch: Tensor, batch_idx: int) -> dict[str, Tensor]:
        """Draw as many fresh samples as the batch has numbers: `x (n, *event)`, `energy (n,)`."""
        draw = self.fresh_draw(len(batch), stream=batch_idx)
        return {"x": draw.x, "energy": -self.evaluated_log_density(draw.x)}

    @property
    def known_density(self) -> KnownDensity | None:
        """The density that the data came from, if the data module knows it."""
        return getattr(self.trainer.datamodule, "density", None)

    def _compare_with(
        self, density: KnownDensity, held_out: Tensor, resolution: int = 400
    ) -> dict[str, float]:
        if held_out.shape[1:] == (2,):
            return density_report(self.evaluated_log_density, density, held_out, resolution)
        with isolated():
            return importance_report(self.evaluated_log_density, density, held_out)

    def _log_all(self, metrics: dict[str, Tensor | float]) -> None:
        values = {k: torch.as_tensor(v, dtype=torch.float32) for k, v in metrics.items()}
        self.log_dict(values, sync_dist=True)

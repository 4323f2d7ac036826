"""What `validate`, `test` and `predict` compute; none of it changes a run."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lightning_ebm.evaluation.assessment import assess
from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.fresh_chains import (
    FreshChains,
    climbed_by,
    followed_on,
    fresh_draws,
)
from lightning_ebm.evaluation.known_density import KnownDensity
from lightning_ebm.evaluation.measures import Figures
from lightning_ebm.kernels import average
from lightning_ebm.problem import Evaluations
from lightning_ebm.random_state import isolated, seed_process
from lightning_ebm.sampler import Draw
from lightning_ebm.tempering import LadderRecord


class EvaluationHooks:
    """The hooks of `EBMLightningModule` that look at a model.

    They evaluate the moving average of the energy where there is one.

    Attributes:
        remarks: what the latest measures have to say to the reader.
    """

    remarks: list[str]

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

    def fresh_draws(self, n: int, data: Tensor | None = None, stream: int = 0) -> FreshChains:
        """Run n chains that begin anew; the run's own chains and randomness stay.

        Each chain runs through `evaluation_draws` draws of the sampler, with step sizes still, and
        through up to 16 times as many while chains do not agree.

        Args:
            n: number of points.
            data: a batch of data, for chains that begin there.
            stream: number that makes these draws differ from others of the same seed.

        Returns:
            The draws in order, and how often the model was evaluated for them.
        """
        with isolated():
            seed_process(torch.initial_seed() + stream, self.global_rank)
            problem = self.problem(data, self.evaluated_energy)
            known = self.known_density
            return fresh_draws(
                self.sampler,
                problem,
                n,
                self.evaluation_draws,
                membership=None if known is None else known.responsibilities,
            )

    def on_validation_epoch_start(self) -> None:
        """Begin to collect the batches."""
        self.seen: list[Tensor] = []

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Collect the held-out data."""
        self.seen.append(self.points(batch))

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        """Log what the model is, on a coarser grid than `test`, under `val/`.

        While training waits the run's own chains stand for fresh ones, which would take long.
        """
        if self._within_fit() and self.latest_draw is None:
            return
        figures = self._measure(resolution=200)
        self._log_all({f"val/{_bare(name)}": value for name, value in figures.items()})

    def on_test_epoch_end(self) -> None:
        """Log what the model is."""
        self._log_all(self._measure(resolution=400))

    def _measure(self, resolution: int) -> Figures:
        with isolated():
            evidence = self._evidence(torch.cat(self.seen), resolution)
            figures: Figures = {
                "test/energy": -self.evaluated_log_density(evidence.data).mean(),
                "samples/energy": -self.evaluated_log_density(evidence.draws[-1]).mean(),
            } | {f"sampler/{key}": value for key, value in evidence.info.items()}
            figures |= assess(evidence, self.measures)
        self.remarks = evidence.remarks
        return figures

    def _evidence(self, data: Tensor, resolution: int) -> Evidence:
        within_fit = self._within_fit()
        if within_fit:
            draws, evaluations = [self.latest_draw], Evaluations()
            climbed = self._climbed_on(len(self.latest_draw.x))
        else:
            draws, evaluations = self.fresh_draws(self.n_samples, data)
            climbed = climbed_by(draws)
        learned = self.flow is not None and self.sampler.uses_flow
        module = self.trainer.datamodule
        problem = self.problem(None, self.evaluated_energy)
        return Evidence(
            problem=problem,
            # Lightning's inference tensors take part in no gradient.
            data=data.clone(),
            draws=[draw.x for draw in draws],
            info=average([draw.info for draw in draws]),
            evaluations=evaluations.densities,
            followed=not within_fit and self.sampler.follows(self.n_samples),
            flow=problem.flow if learned else self.base_flow,
            density=self.known_density,
            labelled=module if hasattr(module, "labelled_points") else None,
            during_fit=within_fit,
            resolution=resolution,
            n_weighted=max(1, self.log_z_draws // (10 if within_fit else 1)),
            annealing_steps=self.annealing_steps,
            ladder_rounds=self.ladder_rounds,
            climbed=climbed,
            search_steps=self.search_steps // (10 if within_fit else 1),
        )

    def _climbed_on(self, n: int) -> LadderRecord | None:
        """Of a sampler that tempers, some rounds from where training's chains are."""
        if "log_z" not in self.latest_draw.info:
            return None
        problem = self.problem(None, self.evaluated_energy)
        return followed_on(self.sampler, problem, n).ladder

    def _within_fit(self) -> bool:
        return self.trainer.state.fn == TrainerFn.FITTING

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

    def _log_all(self, metrics: dict[str, Tensor | float]) -> None:
        values = {k: torch.as_tensor(v, dtype=torch.float32) for k, v in metrics.items()}
        self.log_dict(values, sync_dist=True)


def _bare(name: str) -> str:
    return name.removeprefix("model/").removeprefix("test/")

"""The motivating example: two far modes, trained by ULA and by flow-MCMC, in seven panels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lightning_ebm.callbacks.drawing import draw_density, draw_points
from lightning_ebm.data import TwoModes
from lightning_ebm.evaluation.quadrature import LogDensity, evaluate, midpoints
from lightning_ebm.needed import needed
from lightning_ebm.reproduce.experiment import Experiment, Outcome
from lightning_ebm.reproduce.run import Run, last_checkpoint
from lightning_ebm.reproduce.settings import DENSITY_COLUMNS, known_run
from lightning_ebm.starts import Persistent

if TYPE_CHECKING:
    from lightning_ebm.module import EBMLightningModule

RESOLUTION = 200
EXTENT = (-6.5, 6.5)


class Motivating(Experiment):
    """The same data and energy, twice; only the sampler differs."""

    claim = (
        "An EBM trained with ULA gets the weights of two far modes wrong, since its chains do not "
        "mix; with flow-MCMC it gets them right."
    )
    columns = DENSITY_COLUMNS
    groups = ("sampler",)

    def runs(self, n_seeds: int, *, quick: bool) -> list[Run]:
        """Both samplers with each seed."""
        return [
            known_run(
                f"{sampler}/seed_{seed}",
                "TwoModes",
                sampler,
                seed,
                n_steps=200 if quick else 1500,
                labels={"sampler": sampler, "seed": seed},
                # The penalty would hide part of what goes wrong with ULA.
                settings={"model.difference_penalty": 0.0},
            )
            for sampler in ("ula", "flow_mcmc")
            for seed in range(1 if quick else n_seeds)
        ]

    def draw(self, outcomes: list[Outcome], root: Path) -> Figure:
        """Panels (a) to (g), of the first seed."""
        from lightning_ebm.module import EBMLightningModule

        ula, flow_mcmc = (
            EBMLightningModule.load_from_checkpoint(
                last_checkpoint(root / sampler / "seed_0"), map_location="cpu"
            ).eval()
            for sampler in ("ula", "flow_mcmc")
        )
        target = TwoModes()
        figure = Figure(figsize=(15, 7.5), layout="constrained")
        panels = figure.subplots(2, 4).flatten()
        _density(panels[0], target.log_prob, "(a) target, weights .2 and .8")
        _density(panels[1], ula.evaluated_log_density, "(b) EBM trained with ULA")
        _points(panels[2], _chains(ula), "(c) its MCMC chains")
        panels[3].axis("off")
        torch.manual_seed(0)
        _points(panels[4], target.sample(2000), "(d) training data")
        _density(panels[5], needed(flow_mcmc.flow).log_prob, "(e) companion flow")
        _density(panels[6], flow_mcmc.evaluated_log_density, "(f) EBM trained with flow-MCMC")
        _points(panels[7], _chains(flow_mcmc), "(g) its MCMC chains")
        return figure


def _chains(model: EBMLightningModule) -> Tensor:
    starts = (part for part in model.sampler.modules() if isinstance(part, Persistent))
    return needed(next(starts).bank)


def _density(panel: Axes, log_density: LogDensity, title: str) -> None:
    cells, _ = midpoints(*EXTENT, RESOLUTION, torch.zeros(()))
    draw_density(panel, evaluate(log_density, cells), RESOLUTION, EXTENT, title)
    _frame(panel)


def _points(panel: Axes, x: Tensor, title: str) -> None:
    draw_points(panel, x, title)
    _frame(panel)


def _frame(panel: Axes) -> None:
    panel.set(xlim=EXTENT, ylim=EXTENT, aspect="equal", xticks=[], yticks=[])

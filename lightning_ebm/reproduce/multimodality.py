"""Multimodality: flow proposals against latent chains, as two modes move apart."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from lightning_ebm.reproduce.curves import Curve, draw_curves
from lightning_ebm.reproduce.experiment import Experiment, Outcome
from lightning_ebm.reproduce.run import Run
from lightning_ebm.reproduce.settings import CROSSINGS, DENSITY_COLUMNS, SHORT, known_run

SAMPLERS = ("flow_mcmc", "nt_ebm")


class Multimodality(Experiment):
    """Modes of weights .2 and .8, deviation .5, at ±separation."""

    claim = (
        "Flow-MCMC mixes between modes however far they are apart; MCMC in the flow's latent "
        "space gets stuck there, since a flow cannot erase energy barriers."
    )
    columns = DENSITY_COLUMNS
    groups = ("sampler", "separation")

    def runs(self, n_seeds: int, *, quick: bool) -> list[Run]:
        """Both samplers at each separation."""
        return [
            known_run(
                f"{sampler}/separation_{separation:g}/seed_{seed}",
                {"class_path": "TwoModes", "init_args": {"separation": separation}},
                sampler,
                seed,
                n_steps=150 if quick else 1000,
                labels={"sampler": sampler, "separation": separation, "seed": seed},
                settings=SHORT,
            )
            for separation in ((1.0, 4.0) if quick else (1.0, 2.0, 4.0, 8.0, 12.0, 16.0))
            for sampler in SAMPLERS
            for seed in range(1 if quick else n_seeds)
        ]

    def draw(self, outcomes: list[Outcome], root: Path) -> Figure:
        """Crossings and weight error over separation."""
        return draw_curves(
            outcomes,
            over="separation",
            doublings=True,
            panels=[
                CROSSINGS,
                Curve("model/mode_weight_tv", "weight error of the model (total variation)"),
                Curve("model/kl", "KL(data density ‖ model), nats", logarithmic=True),
            ],
        )

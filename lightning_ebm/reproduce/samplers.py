"""All samplers on all 2-D densities: one table, mean and deviation over seeds."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

from matplotlib.figure import Figure

from lightning_ebm.reproduce.experiment import Experiment, Outcome
from lightning_ebm.reproduce.run import Run
from lightning_ebm.reproduce.settings import DENSITY_COLUMNS, SHORT, known_run

SAMPLERS = ("ula", "mala", "hmc", "flow_mcmc", "coopflow", "nt_ebm")
DENSITIES = ("TwoModes", "FourModes", "RingOfEight", "Moons", "Rings", "Checkerboard")


class Samplers(Experiment):
    """The same energy and flow for everyone; only sampler and density differ."""

    claim = "Where modes are far apart, only flow-MCMC gets their weights right."
    columns = DENSITY_COLUMNS
    groups = ("density", "sampler")

    def runs(self, n_seeds: int, *, quick: bool) -> list[Run]:
        """Every sampler on every density."""
        return [
            known_run(
                f"{density}/{sampler}/seed_{seed}",
                density,
                sampler,
                seed,
                n_steps=40 if quick else 1000,
                labels={"density": density, "sampler": sampler, "seed": seed},
                settings=SHORT | ({"model.flow_pretraining": 40} if quick else {}),
            )
            for density in (DENSITIES[:2] if quick else DENSITIES)
            for sampler in SAMPLERS
            for seed in range(1 if quick else n_seeds)
        ]

    def draw(self, outcomes: list[Outcome], root: Path) -> Figure:
        """Weight error and KL of every sampler, a group of bars per density."""
        figure = Figure(figsize=(13, 7), layout="constrained")
        metrics = {"model/mode_weight_tv": "weight error", "model/kl": "KL, nats"}
        densities = list(dict.fromkeys(outcome.run.labels["density"] for outcome in outcomes))
        for panel, (metric, name) in zip(figure.subplots(2, 1), metrics.items(), strict=True):
            for k, sampler in enumerate(SAMPLERS):
                heights = [_mean(outcomes, density, sampler, metric) for density in densities]
                places = [i + (k - 2.5) / 7 for i in range(len(densities))]
                panel.bar(places, heights, width=1 / 7, label=sampler)
            panel.set(ylabel=name, yscale="log", xticks=range(len(densities)))
            panel.set_xticklabels(densities)
        handles, names = panel.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=len(SAMPLERS))
        return figure


def _mean(outcomes: list[Outcome], density: str, sampler: str, metric: str) -> float:
    values = [
        outcome.metrics[metric]
        for outcome in outcomes
        if outcome.metrics is not None
        and (outcome.run.labels["density"], outcome.run.labels["sampler"]) == (density, sampler)
    ]
    return mean(values) if values else float("nan")

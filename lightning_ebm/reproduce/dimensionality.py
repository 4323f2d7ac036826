"""Dimensionality: independent flow proposals die as dimension grows, partial renewals do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from lightning_ebm.reproduce.curves import Curve, draw_curves
from lightning_ebm.reproduce.experiment import Experiment, Outcome
from lightning_ebm.reproduce.run import Run
from lightning_ebm.reproduce.settings import CROSSINGS, DENSITY_COLUMNS, known_run

DIMENSIONS = (2, 8, 16, 32, 64, 128)
LADDER = [1.0, 0.7, 0.5, 0.35, 0.25]


def flow_mcmc(**options: object) -> dict[str, Any]:
    """Flow-MCMC with five local steps a round, of chains that begin from the flow.

    Begun as noise, a chain may lie so far out that no proposal of the flow is accepted from there.
    """
    start = {"class_path": "Persistent", "init_args": {"first": "FromFlow"}}
    return {"class_path": "flow_mcmc", "init_args": {"n_local": 5, "start": start} | options}


# Sampler, and steps of maximum likelihood on data that the flow gets before training.
ARMS: dict[str, tuple[object, int]] = {
    "flow_mcmc": (flow_mcmc(), 1000),
    "flow_mcmc, flow trained shortly": (flow_mcmc(), 100),
    "flow_mcmc, partial renewals": (flow_mcmc(shares=LADDER), 1000),
    "nt_ebm": ("nt_ebm", 1000),
    "coopflow": ("coopflow", 1000),
    "ula": ("ula", 1000),
}


class Dimensionality(Experiment):
    """Modes of weights 2/3 and 1/3 at ∓a(1, ..., 1), a = 3 in the plane and 1.5 above."""

    claim = (
        "Acceptance of independent flow proposals falls as dimension grows, and a flow must be "
        "the better for it; proposals that renew the latent point in part go further."
    )
    columns = DENSITY_COLUMNS | {"effective share of the truth's draws": "model/truth_ess_share"}
    groups = ("sampler", "dimension")

    def runs(self, n_seeds: int, *, quick: bool) -> list[Run]:
        """Every arm in every dimension."""
        arms = ("flow_mcmc", "flow_mcmc, partial renewals") if quick else ARMS
        return [
            _run(arm, dimension, seed, n_steps=100 if quick else 1500)
            for dimension in ((2, 16) if quick else DIMENSIONS)
            for arm in arms
            for seed in range(1 if quick else n_seeds)
        ]

    def draw(self, outcomes: list[Outcome], root: Path) -> Figure:
        """Acceptance, crossings, weight error and KL over dimension."""
        figure = draw_curves(
            outcomes,
            over="dimension",
            doublings=True,
            panels=[
                Curve("sampler/acceptance_global", "acceptance of flow moves"),
                CROSSINGS,
                Curve("model/mode_weight_tv", "weight error of the model (total variation)"),
                Curve("model/kl", "KL(data density ‖ model), nats", logarithmic=True),
            ],
        )
        figure.suptitle("energies tilt a Gaussian in 2 dimensions, the flow above")
        return figure


def _run(arm: str, dimension: int, seed: int, n_steps: int) -> Run:
    sampler, n_pretraining = ARMS[arm]
    modes = {"dimension": dimension, "distance": 3.0 if dimension == 2 else 1.5}
    return known_run(
        f"{arm.replace(', ', '_').replace(' ', '_')}/dimension_{dimension}/seed_{seed}",
        {"class_path": "OppositeModes", "init_args": modes},
        sampler,
        seed,
        n_steps=n_steps,
        labels={"sampler": arm, "dimension": dimension, "seed": seed},
        settings={
            "model.energy.init_args.event_shape": [dimension],
            "model.flow.init_args.event_shape": [dimension],
            "model.flow_pretraining": min(n_pretraining, n_steps),
            # Above the plane no Gaussian is near two narrow modes; the flow is a base from which
            # the energy has little way to go. In the plane the flow's thin bridge between the
            # modes is what the energy could not remove.
            "model.base": "gaussian" if dimension == 2 else "flow",
            # From a Gaussian energies run away where chains do not follow.
            "model.difference_penalty": 0.3 if dimension == 2 else 0.0,
            "model.energy_optimizer.init_args.lr": 0.001,
            "data.train_size": 20_000,
            "data.batch_size": 256,
        },
    )

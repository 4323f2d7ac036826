"""Class weights: MNIST with classes of unequal weight, and what each sampler makes of them."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lightning_ebm.evaluation.log_z import FEW_DRAWS
from lightning_ebm.reproduce.experiment import Experiment, Outcome
from lightning_ebm.reproduce.run import Run

FROM_FLOW: dict[str, object] = {"class_path": "Persistent", "init_args": {"first": "FromFlow"}}
SAMPLERS: dict[str, object] = {
    "flow_tempering": "flow_tempering",
    "flow_mcmc": {
        "class_path": "flow_mcmc",
        "init_args": {"n_local": 1, "adaptive": False, "start": FROM_FLOW},
    },
    # Their own starts are the flow's draws already.
    "nt_ebm": "nt_ebm",
    "coopflow": "coopflow",
    **{
        name: {"class_path": name, "init_args": {"start": FROM_FLOW}}
        for name in ("mala", "hmc", "ula")
    },
}
DIGITS: dict[str, tuple[list[int], list[int]]] = {
    "0 and 1": ([0, 1], [1, 3]),
    "all ten": (list(range(10)), list(range(1, 11))),
}
"""Classes kept and their relative weights."""
FLOW_PRETRAINING = {"0 and 1": 1000, "all ten": 3000}
"""Steps that the flow gets: more where there are more classes and images to learn."""
SMALL_TILT: dict[str, object] = {
    "trainer.max_steps": 400,
    "trainer.check_val_every_n_epoch": 2,
    "model.energy.init_args.bound": 5.0,
    "model.gradient_penalty": 1.0,
    "model.energy_optimizer.init_args.lr": 0.0005,
    "model.energy_scheduler.init_args.T_max": 400,
    "model.flow_pretraining_scheduler": None,
    "model.flow_optimizer.init_args.weight_decay": 0.0,
    "model.n_samples": 256,
    "data.batch_size": 64,
}
"""An energy that says so little that every sampler can follow it, where `mnist_unbalanced.yaml`
has one that only replica exchange follows."""
COLUMNS = {
    "weight error of the flow": "flow/class_weight_tv",
    "weight error of samples": "samples/class_weight_tv",
    "effective sample size of samples": "samples/class_weight_ess",
    "weight error of the model": "model/class_weight_tv",
    "effective sample size of the model": "model/class_weight_ess",
    "log Z trusted": "log_z/trusted",
    "acceptance of flow moves": "sampler/acceptance_global",
    "accuracy of the classifier": "classifier/accuracy",
}


class Classes(Experiment):
    """Digits 0 and 1 at 1 to 3, all ten at 1 to 10; the same energy and flow for every sampler."""

    claim = (
        "A model of unbalanced images must keep the weights of their classes, and samplers differ "
        "in that, however good their images look."
    )
    columns = COLUMNS
    groups = ("digits", "sampler")
    data_dir = Path("data/mnist")

    def runs(self, n_seeds: int, *, quick: bool) -> list[Run]:
        """Every sampler on both sets of digits with each seed; all chains begin from the flow."""
        return [
            self._run(digits, sampler, seed, quick=quick)
            for digits in (list(DIGITS)[:1] if quick else DIGITS)
            for sampler in (list(SAMPLERS)[:2] if quick else SAMPLERS)
            for seed in range(1 if quick else n_seeds)
        ]

    def draw(self, outcomes: list[Outcome], root: Path) -> Figure:
        """The weight of each class in samples and in the model, by sampler, beside the truth.

        A model whose weights rest on next to no draws has no bars.
        """
        drawn = list(dict.fromkeys(str(outcome.run.labels["digits"]) for outcome in outcomes))
        figure = Figure(figsize=(13, 3.5 * len(drawn)), layout="constrained")
        rows = figure.subplots(len(drawn), 2, squeeze=False, sharey="row")
        for (samples, model), digits in zip(rows, drawn, strict=True):
            _draw_weights(samples, digits, outcomes, "samples")
            _draw_weights(model, digits, outcomes, "model")
        rows[0, 0].legend(loc="upper left", ncols=2, fontsize="small")
        return figure

    def _run(self, digits: str, sampler: str, seed: int, *, quick: bool) -> Run:
        classes, weights = DIGITS[digits]
        settings: dict[str, object] = SMALL_TILT | {
            "data.data_dir": str(Path(self.data_dir).resolve()),
            "data.classes": classes,
            "data.class_weights": weights,
            "data.seed": seed,
            "seed_everything": seed,
            "model.sampler": SAMPLERS[sampler],
            "model.flow_pretraining": FLOW_PRETRAINING[digits],
            "model.log_z_draws": 50_000,
            # A draw of flow_mcmc is two moves, one of the others ten, or as many gradients.
            "model.evaluation_draws": 60 if sampler == "flow_mcmc" else 20,
        }
        if quick:
            settings |= {
                "trainer.max_steps": 20,
                "model.flow_pretraining": 20,
                "model.evaluation_draws": 4,
                "model.log_z_draws": 1000,
                "model.n_samples": 32,
                "model.annealing_steps": 5,
                "model.search_steps": 10,
                "model.ladder_rounds": 8,
            }
        name = f"{digits.replace(' ', '_')}/{sampler}/seed_{seed}"
        labels = {"digits": digits, "sampler": sampler, "seed": seed}
        return Run(name, "mnist_unbalanced.yaml", settings, labels)


def _draw_weights(panel: Axes, digits: str, outcomes: list[Outcome], owner: str) -> None:
    classes, weights = DIGITS[digits]
    places = range(len(classes))
    width = 0.8 / (len(SAMPLERS) + 1)
    truth = [weight / sum(weights) for weight in weights]
    panel.bar(places, truth, width, color="black", label="data")
    for k, sampler in enumerate(SAMPLERS, start=1):
        found = [
            outcome.metrics
            for outcome in outcomes
            if outcome.metrics is not None
            and (outcome.run.labels["digits"], outcome.run.labels["sampler"]) == (digits, sampler)
            and outcome.metrics[f"{owner}/class_weight_ess"] >= FEW_DRAWS
        ]
        if found:
            heights = [
                mean(m[f"{owner}/class_weight_{label}"] for m in found) for label in classes
            ]
            left = [i + k * width for i in places]
            panel.bar(left, heights, width, color=f"C{k - 1}", label=sampler)
    panel.set_xticks([i + 0.4 for i in places], [str(label) for label in classes])
    kind = {"samples": "fresh samples", "model": "the model, by weighted draws"}[owner]
    panel.set(title=f"{digits}: {kind}", ylabel="weight")

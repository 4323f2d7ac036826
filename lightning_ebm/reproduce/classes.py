"""Class weights: two classes of MNIST of unequal weight, and what each sampler makes of them."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

from matplotlib.figure import Figure

from lightning_ebm.reproduce.experiment import Experiment, Outcome
from lightning_ebm.reproduce.run import Run

FROM_FLOW = {"class_path": "Persistent", "init_args": {"first": "FromFlow"}}
SAMPLERS: dict[str, object] = {
    "flow_mcmc": {"class_path": "flow_mcmc", "init_args": {"n_local": 5, "start": FROM_FLOW}},
    # Their own starts are the flow's draws already.
    "nt_ebm": "nt_ebm",
    "coopflow": "coopflow",
} | {
    name: {"class_path": name, "init_args": {"start": FROM_FLOW}}
    for name in ("mala", "hmc", "ula")
}
WEIGHT_OF_ONES = "samples/class_weight_1"
COLUMNS = {
    "weight of ones in samples": WEIGHT_OF_ONES,
    "standard error": "samples/class_weight_standard_error_1",
    "weight error of samples": "samples/class_weight_tv",
    "acceptance of flow moves": "sampler/acceptance_global",
    "accuracy of the classifier": "classifier/accuracy",
}


class Classes(Experiment):
    """Digits 0 and 1 at .25 and .75, every sampler on the same energy and flow."""

    claim = (
        "A model of unbalanced images must keep the weights of their classes, and samplers differ "
        "in that, however good their images look."
    )
    columns = COLUMNS
    groups = ("sampler",)
    data_dir = Path("data/mnist")

    def runs(self, n_seeds: int, *, quick: bool) -> list[Run]:
        """Every sampler with each seed; all chains begin from the flow."""
        return [
            self._run(sampler, seed, quick=quick)
            for sampler in (list(SAMPLERS)[:2] if quick else SAMPLERS)
            for seed in range(1 if quick else n_seeds)
        ]

    def draw(self, outcomes: list[Outcome], root: Path) -> Figure:
        """The weight of ones among each sampler's samples, and the truth as a line."""
        figure = Figure(figsize=(8, 4), layout="constrained")
        panel = figure.subplots()
        found: dict[str, list[float]] = {}
        for outcome in outcomes:
            if outcome.metrics is not None:
                name = str(outcome.run.labels["sampler"])
                found.setdefault(name, []).append(outcome.metrics[WEIGHT_OF_ONES])
        panel.bar(list(found), [mean(values) for values in found.values()])
        panel.axhline(0.75, color="black", linestyle="--", label="data")
        panel.set(ylabel="weight of ones in fresh samples", ylim=(0, 1))
        panel.legend()
        return figure

    def _run(self, sampler: str, seed: int, *, quick: bool) -> Run:
        settings: dict[str, object] = {
            "data.data_dir": str(Path(self.data_dir).resolve()),
            "data.seed": seed,
            "seed_everything": seed,
            "model.sampler": SAMPLERS[sampler],
        }
        if quick:
            settings |= {"trainer.max_steps": 20, "model.flow_pretraining": 20}
        name = f"{sampler}/seed_{seed}"
        return Run(name, "mnist_unbalanced.yaml", settings, {"sampler": sampler, "seed": seed})

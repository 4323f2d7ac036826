"""TensorBoard's page of a run: under which heading each figure stands, and the charts of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatch

TRAINING, MIXING, DENSITY, WEIGHTS = "training", "mixing", "density", "weights"
LOOKED_AT = ("val", "test")
"""Headings of validation, which has it in its figures' names, and of a test."""
GROUP = r"(?!tv$|ess$|standard_error_|lower_|upper_).+"
"""How the figure of a weight ends: by the number of a mode, by the number or name of a class."""
HEADINGS = (TRAINING, MIXING, DENSITY, WEIGHTS, *LOOKED_AT)

HEADING_OF = {
    "flow_pretraining/*": TRAINING,
    "loss/*": TRAINING,
    "energy/*": TRAINING,
    "gradient_norm/*": TRAINING,
    "learning_rate/*": TRAINING,
    "settling/*": TRAINING,
    "epoch": TRAINING,
    "sampler/log_z*": DENSITY,
    "likelihood/*": DENSITY,
    "sampler/*": MIXING,
    "chains/*weight*": WEIGHTS,
    "flow/*weight*": WEIGHTS,
}
"""Patterns of the names of training's figures, the first that fits counting."""

CHARTS = {
    TRAINING: {
        "losses": r".*/loss/.*",
        "mean energies of data and samples": r"training/energy/(data|samples)",
        "energy of data less that of samples": r"training/energy/difference",
        "gradient norms": r".*/gradient_norm/.*",
        "learning rates": r".*/learning_rate/.*",
        "gain of the last layer": r".*/settling/gain",
    },
    MIXING: {
        "acceptance": r".*/acceptance_.*",
        "age of chains": r".*/age",
        "barrier between flow and model": r".*/barrier",
        "largest rejection of swaps": r".*/largest_rejection",
        "states that came from the flow": r"mixing/.*renewals",
        "chains that stand still": r".*/(unmoved|zero_density|non_finite|unmoved_share)",
        "step size": r".*/step_size",
        "R-hat": r".*_r_hat",
        "effective sample size": r".*_ess_(bulk|tail)",
        "crossings between modes": r".*/crossings_.*",
    },
    DENSITY: {
        "log Z": r"(val|test)/log_z(/lower|/upper|/bridge)?",
        "live log Z": r"density/sampler/log_z",
        "gap of log Z": r"hparams/log_z_gap",
        "negative log-likelihood": r"(val|test)/(flow/)?nll(_of_truth)?",
        "nats over the flow": r".*/over_flow",
        "bits per dimension": r".*/bits_per_dimension",
        "KL from the truth": r"(val|test)/kl",
    },
    WEIGHTS: {
        "error of weights": r".*_weight_tv",
        "the chains' weights": r".*/(chains|samples)/(mode|class)_weight_" + GROUP,
        "the flow's weights": r".*/flow/(mode|class)_weight_" + GROUP,
        "the model's weights": r"(val|test)/(mode|class)_weight_" + GROUP,
    },
}
"""Charts by category and title: which tags one shows, as a regular expression."""


def as_tag(name: str) -> str:
    """The tag of a figure of training or validation: its name, below its heading."""
    heading = next((h for pattern, h in HEADING_OF.items() if fnmatch(name, pattern)), None)
    return name if heading is None else f"{heading}/{name}"


def as_tested(name: str) -> str:
    """The tag of a figure of a test, named as validation names its own."""
    return f"test/{name.removeprefix('model/').removeprefix('test/')}"


def layout(tags: Iterable[str]) -> dict[str, dict[str, list[str | list[str]]]]:
    """The charts of these tags, as `SummaryWriter.add_custom_scalars` takes them; no empty one.

    A chart shows what fits its expression, and not these tags by name: of runs with different
    figures TensorBoard then makes one chart, where it would show two of one title.
    """
    tags = sorted(tags)
    found: dict[str, dict[str, list[str | list[str]]]] = {
        category: {
            title: ["Multiline", [f"^(?:{pattern})$"]]
            for title, pattern in charts.items()
            if any(re.fullmatch(pattern, tag) for tag in tags)
        }
        for category, charts in CHARTS.items()
    }
    return {category: charts for category, charts in found.items() if charts}

"""The unit of every figure, by its name."""

from __future__ import annotations

from fnmatch import fnmatch

UNITS = {
    "learning_rate/*": "per step",
    "settling/gain": "per step",
    "gradient_norm/*": "nats per unit of the network's weights",
    "*ess_share": "share of the draws",
    "*_ess*": "draws",
    "*_r_hat": "ratio, 1 at agreement",
    "*crossings_per_1000_evaluations": "crossings per 1000 evaluations of the density",
    "log_z/trusted": "1 if trusted",
    "log_z/covers_quadrature": "1 if it does",
    "log_z/*share*": "share",
    "log_z/*tail_index": "pure number",
    "log_z/*": "nats",
    "*/bits_per_dimension": "bits per pixel",
    "*/kl*": "nats",
    "*/log_z*": "nats",
    "*/over_flow*": "nats",
    "*barrier": "sum of rejections",
    "*rejection*": "probability",
    "*/age": "rounds since a draw of the flow",
    "ladder/renewals": "states",
    "*renewals*": "states per round and column",
    "*/rounds": "rounds",
    "*/rungs": "rungs",
    "*/beta_*": "inverse temperature",
    "*/moved_*": "share of the states",
    "*local_correlation": "correlation",
    "*/nll*": "nats",
    "*/energy": "nats",
    "energy/*": "nats",
    "loss/*": "nats",
    "flow_pretraining/loss": "nats",
    "epoch": "epochs",
    "hparams/log_z_gap": "nats",
    "hparams/nll": "nats",
    "*weight*": "share",
    "*/edge_mass": "share",
    "*acceptance*": "probability",
    "*non_finite": "share of the proposals",
    "diagnostics/*_share": "share of the chains",
    "*zero_density": "share of the chains",
    "*zero_density_left": "share of the chains",
    "*unmoved": "share of the chains",
    "*step_size": "squared units of the points",
    "classifier/accuracy": "share",
    "distance/*sliced_wasserstein": "units of the points",
    "distance/*": "squared distance in a space of features",
}
"""Patterns of names, the first that fits counting."""


def unit(name: str) -> str | None:
    """The unit of a figure; None for one that somebody else added."""
    return next((unit for pattern, unit in UNITS.items() if fnmatch(name, pattern)), None)

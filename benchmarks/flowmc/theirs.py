"""flowMC's side of the comparison: run by the Python that has flowMC, and without torch.

    python theirs.py SETTINGS OUT

SETTINGS is the JSON that `benchmarks.flowmc` writes. OUT gets the states after each production
loop, `(loops, chains, d)`, CPU seconds of the loops and of everything, and evaluations per loop.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy
from flowMC.resource_strategy_bundle.RQSpline_MALA import RQSpline_MALA_Bundle
from flowMC.Sampler import Sampler


def log_density(x: jax.Array, data: dict[str, jax.Array]) -> jax.Array:
    """Of a mixture of unit Gaussians at one point."""
    distance = ((x - data["means"]) ** 2).sum(-1)
    return jax.nn.logsumexp(data["log_weights"] - distance / 2)


def bundle(settings: dict[str, Any], key: jax.Array) -> RQSpline_MALA_Bundle:
    """The algorithm, as flowMC ships it."""
    return RQSpline_MALA_Bundle(
        key,
        n_chains=settings["chains"],
        n_dims=settings["dimension"],
        logpdf=log_density,
        n_local_steps=settings["local"],
        n_global_steps=settings["global"],
        n_training_loops=settings["training_loops"],
        n_production_loops=settings["warm_up"] + settings["loops"],
        n_epochs=settings["epochs"],
        mala_step_size=settings["step_size"],
        rq_spline_hidden_units=(settings["hidden"],) * 2,
        rq_spline_n_bins=settings["bins"],
        rq_spline_n_layers=settings["layers"],
        learning_rate=settings["learning_rate"],
    )


def main() -> None:
    """Train, warm up, produce."""
    begun = time.process_time()
    settings = json.loads(sys.argv[1])
    means = jnp.array(settings["means"])
    data = {"means": means, "log_weights": jnp.log(jnp.array(settings["weights"]))}
    key, first, second = jax.random.split(jax.random.PRNGKey(settings["seed"]), 3)
    shape = (settings["chains"], settings["dimension"])
    x = settings["spread"] * jax.random.normal(first, shape)
    sampler = Sampler(
        n_dim=shape[1],
        n_chains=shape[0],
        rng_key=second,
        resource_strategy_bundles=bundle(settings, second),
        checkpoint_interval=0,
    )
    order = sampler.strategy_order
    loop_length = (len(order) - order.index("update_state") - 1) // (
        settings["warm_up"] + settings["loops"]
    )
    first_measured = len(order) - settings["loops"] * loop_length
    states, resources = [], sampler.resources
    for place, name in enumerate(order):
        if place == first_measured:
            measured = time.process_time()
        key, resources, x = sampler.strategies[name](key, resources, x, data)
        if place >= first_measured and (place - first_measured) % loop_length == loop_length - 1:
            states.append(numpy.asarray(x))
    ended = time.process_time()
    numpy.savez(
        sys.argv[2],
        states=numpy.stack(states),
        seconds=ended - measured,
        total=ended - begun,
        densities=shape[0] * (settings["local"] + settings["global"]),
    )


if __name__ == "__main__":
    main()

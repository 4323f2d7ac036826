"""Models that deserve trust: near their flow, with weights that stay within bounds.

Each family is made with less and less of a tilt until KL(model ‖ flow) is at most 1 nat, the
flow's draws are worth a tenth of their number, and none of 4,000 draws of the model has a hundred
times the mean weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from benchmarks.trust_attack.case import Parts
from benchmarks.trust_attack.compositions import Mixture, Moved, Sheared
from benchmarks.trust_attack.densities import (
    Funnel,
    Normal,
    ProductOfMixtures,
    Ring,
    StudentT,
)
from benchmarks.trust_attack.ingredients import (
    covariance_root,
    dimension,
    log_uniform,
    near,
    normal_modes,
    one_of,
    reweighted,
    uniform,
    weights,
)


def close() -> Parts:
    """One to four modes, the flow a little off in means, scales and weights."""
    return _closely(lambda tilt: _modes(tilt, own_data=False))


def other_weights() -> Parts:
    """As `close`, but modes have other weights in the data than in the model."""
    return _closely(lambda tilt: _modes(tilt, own_data=True))


def bounded_tails() -> Parts:
    """The flow has heavier tails than the model: weights are bounded, their inverses are not."""
    return _closely(_heavier_flow)


def close_ridges() -> Parts:
    """Bananas, rings and funnels whose flow has the same shape, a little off."""
    return _closely(one_of(_banana, _ring, _funnel))


def close_products() -> Parts:
    """Two modes in each coordinate, with flow weights a little off in all."""
    return _closely(_product)


def easily_annealed() -> Parts:
    """No flow, and a model that annealing reaches: one mode, or two that overlap."""
    d = dimension(most=8)
    parts = normal_modes(int(torch.randint(1, 3, ())), d, uniform(0.5, 1.5), scale=1.0)
    model = Mixture(weights(len(parts), evenness=5.0), parts)
    return Parts(model, model, None, one_of("mala", "hmc"))


def _closely(make: Callable[[float], Parts]) -> Parts:
    tilt = 1.0
    while not _is_close(parts := make(tilt)):
        tilt *= 0.85
    return parts


def _is_close(parts: Parts) -> bool:
    def log_weights(x: torch.Tensor) -> torch.Tensor:
        return parts.model.log_prob(x) - parts.flow.log_prob(x)

    of_model, of_flow = (log_weights(p.draw(4000)) for p in (parts.model, parts.flow))
    effective_share = 1 / (2 * of_flow).exp().mean()
    return bool(
        of_model.mean() <= 1 and of_model.max() <= math.log(100) and effective_share >= 0.1
    )


def _modes(tilt: float, *, own_data: bool) -> Parts:
    d, n = dimension(), int(torch.randint(2 if own_data else 1, 5, ()))
    parts = normal_modes(n, d, log_uniform(2.0, 30.0), scale=1.0)
    model = Mixture(weights(n), parts)
    # A little wider than the model: the weights of its far points do not grow without end.
    widening = 1 + tilt * uniform(0.02, 0.6 / d**0.5)
    flow_parts = [near(part, tilt * uniform(0.0, 0.7), widening) for part in parts]
    flow = Mixture(reweighted(model, 4**tilt), flow_parts)
    return Parts(model, Mixture(weights(n), parts) if own_data else model, flow)


def _heavier_flow(tilt: float) -> Parts:
    d, n = dimension(most=12), int(torch.randint(1, 4, ()))
    parts = normal_modes(n, d, log_uniform(2.0, 30.0), scale=1.0)
    model = Mixture(weights(n), parts)
    freedom = uniform(3.0, 10.0) / tilt
    flow_parts = [Moved(StudentT(d, freedom), part.matrix, part.shift) for part in parts]
    return Parts(model, model, Mixture(reweighted(model, 2**tilt), flow_parts))


def _banana(tilt: float) -> Parts:
    d, bend, length = dimension(), uniform(0.1, 0.6), uniform(1.5, 4.0)
    scales = torch.cat([torch.tensor([length, uniform(0.3, 1.0)]), torch.ones(d - 2)])
    base = Moved(Normal(d), scales.diag(), torch.zeros(d))
    moved = near(base, 0.5 * tilt, 1 + tilt * uniform(0.02, 0.6 / d**0.5))
    model = Sheared(base, bend, length**2)
    return Parts(model, model, Sheared(moved, bend, length**2))


def _ring(tilt: float) -> Parts:
    d, width = dimension(), uniform(0.05, 0.3)
    root = covariance_root(d, uniform(1.0, 5.0))
    model = Moved(Ring(d, width), root, torch.randn(d))
    wider = Ring(d, width * (1 + 0.5 * tilt))
    flow = Moved(wider, root * (1 + 0.3 * tilt * width), model.shift)
    return Parts(model, model, flow)


def _funnel(tilt: float) -> Parts:
    d, spread = dimension(most=12), uniform(0.5, 1.5)
    flow = Funnel(d, spread * (1 + 0.3 * tilt))
    return Parts(Funnel(d, spread), Funnel(d, spread), flow)


def _product(tilt: float) -> Parts:
    d = dimension()
    right, place = torch.empty(d).uniform_(0.1, 0.9), torch.empty(d).uniform_(1.0, 4.0)
    scale = torch.empty(d).uniform_(0.4, 0.8)
    off = (right.logit() + tilt * uniform(0.2, 2.0) / d**0.5 * torch.randn(d)).sigmoid()
    wider = scale * (1 + tilt * uniform(0.02, 0.6 / d**0.5))
    model = ProductOfMixtures(right, place, scale)
    return Parts(model, model, ProductOfMixtures(off, place, wider))

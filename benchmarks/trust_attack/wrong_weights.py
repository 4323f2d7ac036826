"""Attacks by flows off by a tilt, in many coordinates at once, and by chains that do not mix."""

from __future__ import annotations

import torch

from benchmarks.trust_attack.case import Parts
from benchmarks.trust_attack.compositions import Mixture, Moved
from benchmarks.trust_attack.densities import Funnel, Normal, ProductOfMixtures, StudentT
from benchmarks.trust_attack.ingredients import (
    covariance_root,
    dimension,
    log_uniform,
    near,
    normal_modes,
    one_of,
    places,
    reweighted,
    uniform,
    weights,
    with_weight,
)
from benchmarks.trust_attack.wrong_shapes import deceived, narrow_and_broad


def tilts() -> Parts:
    """All modes are covered, but the flow is off in means, scales and weights, up to hopeless."""
    d, n = dimension(), int(torch.randint(1, 5, ()))
    parts = normal_modes(n, d, log_uniform(2.0, 20.0), scale=1.0)
    model = Mixture(weights(n), parts)
    widest = uniform(1.0, 1.6)
    flow_parts = [near(part, uniform(0.0, 3.0), uniform(0.6, widest)) for part in parts]
    return deceived(model, Mixture(reweighted(model, 100), flow_parts))


def products() -> Parts:
    """Two modes in each coordinate: the flow lost one in some, and has wrong weights in others."""
    d = dimension()
    place, scale = torch.empty(d).uniform_(1.5, 4.0), torch.empty(d).uniform_(0.4, 0.8)
    right = torch.empty(d).uniform_(0.2, 0.8)
    n_lost = int(torch.randint(1, min(d, 4) + 1, ()))
    lost = torch.arange(d) < n_lost
    heavy, rare = torch.empty(d).uniform_(0.05, 0.6), log_uniform(0.002, 0.05)
    flow_rare = one_of(1e-12, log_uniform(1e-6, 1e-3))
    tilted = (right + 0.1 * torch.randn(d) / d**0.5).clamp(0.1, 0.9)
    return Parts(
        ProductOfMixtures(torch.where(lost, heavy, right), place, scale),
        ProductOfMixtures(torch.where(lost, torch.tensor(rare), right), place, scale),
        ProductOfMixtures(torch.where(lost, torch.tensor(flow_rare), tilted), place, scale),
        hidden=lambda x: (x[:, :n_lost] > 0).any(1),
        seen_by="data",
    )


def stuck_chains() -> Parts:
    """Local chains from noise that never cross between modes, and a flow with wrong weights."""
    d, n = dimension(), one_of(2, 2, 3, 4)
    parts = normal_modes(n, d, uniform(5.0, 15.0), scale=1.0)
    known = weights(n - 1)
    model = Mixture(with_weight(known, uniform(0.05, 0.9)), parts)
    data_share = log_uniform(0.002, 0.5)
    flow_share = one_of(0.0, log_uniform(1e-5, 1e-2), log_uniform(1e-2, 0.5))
    return Parts(
        model,
        Mixture(with_weight(known, data_share), parts),
        Mixture(with_weight(known, flow_share), [near(part, 0.3, 1.05) for part in parts]),
        sampler=one_of("mala", "hmc"),
        hidden=lambda x: model.nearest(x) == n - 1,
        seen_by="data",
    )


def annealed() -> Parts:
    """No flow: narrow beside broad, modes of unequal width, heavy tails, funnels."""
    make = one_of(_narrow_beside_broad, _unequal_widths, _heavy_tails, _funnel)
    return make(one_of("mala", "hmc"))


def _narrow_beside_broad(sampler: str) -> Parts:
    model, parts, _ = narrow_and_broad(dimension(most=8))
    return _two_modes(model, parts, sampler)


def _unequal_widths(sampler: str) -> Parts:
    d = dimension(most=16)
    here, there = places(2, d, uniform(3.0, 8.0))
    wide = Moved(Normal(d), covariance_root(d, 1.0), here)
    narrow = Moved(Normal(d), covariance_root(d, log_uniform(0.1, 0.6)), there)
    share = uniform(0.1, 0.8)
    model = Mixture(torch.tensor([1 - share, share]), [wide, narrow])
    return _two_modes(model, [wide, narrow], sampler)


def _two_modes(model: Mixture, parts: list[Moved], sampler: str) -> Parts:
    data_share = log_uniform(0.01, 0.8)
    data = Mixture(torch.tensor([1 - data_share, data_share]), parts)
    return Parts(model, data, None, sampler, lambda x: model.nearest(x) == 1, "data")


def _heavy_tails(sampler: str) -> Parts:
    model = StudentT(dimension(most=16), log_uniform(1.2, 4.0))
    return Parts(model, model, None, sampler)


def _funnel(sampler: str) -> Parts:
    model = Funnel(dimension(most=8), uniform(1.0, 3.0))
    return Parts(model, model, None, sampler)

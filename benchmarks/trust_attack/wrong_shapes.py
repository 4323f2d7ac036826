"""Attacks by shape: narrow in broad, tails heavier or lighter than the flow's, curved ridges."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from benchmarks.trust_attack.case import Parts
from benchmarks.trust_attack.compositions import Mixture, Moved, Sheared
from benchmarks.trust_attack.densities import (
    Density,
    Funnel,
    GeneralisedNormal,
    Normal,
    Ring,
    StudentT,
)
from benchmarks.trust_attack.ingredients import (
    covariance_root,
    dimension,
    direction,
    gaussian_fit,
    log_uniform,
    one_of,
    uniform,
)


def narrow_in_broad() -> Parts:
    """A narrow mode inside or beside a broad one, of which the flow has little or nothing."""
    model, parts, share = narrow_and_broad(dimension())
    data_share = share * log_uniform(0.005, 1.0)
    flow_share = one_of(0.0, share * log_uniform(1e-4, 0.3))
    return Parts(
        model,
        Mixture(torch.tensor([1 - data_share, data_share]), parts),
        Mixture(torch.tensor([1 - flow_share, flow_share]), parts),
        hidden=lambda x: model.nearest(x) == 1,
        seen_by="data",
    )


def narrow_and_broad(d: int) -> tuple[Mixture, list[Density], float]:
    """A model of two modes, its parts, and the narrow one's weight."""
    share, scale = uniform(0.1, 0.8), log_uniform(0.02, 0.2)
    broad = Moved(Normal(d), covariance_root(d, 1.0), torch.zeros(d))
    narrow = Moved(Normal(d), covariance_root(d, scale), uniform(0.0, 4.0) * direction(d))
    parts = [broad, narrow]
    return Mixture(torch.tensor([1 - share, share]), parts), parts, share


def heavy_tails() -> Parts:
    """A model with tails of a power or an exponential, and a Gaussian flow."""
    d = dimension()
    shape = one_of(
        StudentT(d, log_uniform(1.2, 12.0)), GeneralisedNormal(d, log_uniform(0.5, 1.2))
    )
    root, shift = covariance_root(d, 1.0), torch.randn(d)
    flow = Moved(Normal(d), uniform(1.0, 2.5) * root, shift)
    return deceived(Moved(shape, root, shift), flow)


def light_tails() -> Parts:
    """Tails of model or flow that fall like those of a box: weights of 0, or beyond all bounds."""
    d = dimension()
    root, shift = covariance_root(d, 1.0), torch.randn(d)
    box = GeneralisedNormal(d, uniform(3.0, 10.0))
    if one_of(True, False):
        model = Moved(box, root, shift)
        wide = one_of(Normal(d), StudentT(d, uniform(2.0, 6.0)))
        return Parts(model, model, Moved(wide, uniform(0.6, 2.0) * root, shift))
    model = Moved(one_of(Normal(d), GeneralisedNormal(d, 2.5)), root, shift)
    return deceived(model, Moved(box, uniform(1.2, 3.5) * root, shift))


def ridges() -> Parts:
    """Bananas, rings and funnels; the flow is a Gaussian or has only a part of the ridge."""
    model, part = one_of(_banana, _ring, _funnel)(dimension())
    return deceived(model, one_of(part, part, gaussian_fit(model, uniform(1.0, 1.3))))


def deceived(model: Density, flow: Density) -> Parts:
    """A case whose data is mostly what the flow takes it for, or the model's own.

    Where the model has 20 times the flow's density, there is a held-out point at least.
    """
    share = log_uniform(0.003, 0.3)
    mostly_flow = Mixture(torch.tensor([share, 1 - share]), [model, flow])
    data = one_of(model, mostly_flow, mostly_flow)
    heavier = lambda x: model.log_prob(x) - flow.log_prob(x) > math.log(20)  # noqa: E731
    return Parts(model, data, flow, hidden=heavier, seen_by="data")


def _banana(d: int) -> tuple[Density, Density]:
    length, bend = uniform(1.5, 4.0), uniform(0.1, 0.6)
    scales = torch.cat([torch.tensor([length, uniform(0.2, 1.0)]), torch.ones(d - 2)])
    level = length**2
    whole = Sheared(Moved(Normal(d), scales.diag(), torch.zeros(d)), bend, level)
    shift = torch.zeros(d)
    shift[0] = uniform(0.0, 1.2) * length
    narrower = scales.clone()
    narrower[0] = uniform(0.4, 0.9) * length
    return whole, Sheared(Moved(Normal(d), narrower.diag(), shift), bend, level)


def _ring(d: int) -> tuple[Density, Density]:
    radius, width = uniform(2.0, 8.0), uniform(0.05, 0.2)
    scales = torch.cat([torch.full((2,), radius), torch.ones(d - 2)])
    whole = Moved(Ring(d, width), scales.diag(), torch.zeros(d))
    # An arc of small Gaussians, each long along the ring.
    arc = torch.linspace(0, uniform(0.8, 1.9) * math.pi, 12)
    return whole, Mixture(torch.ones(12), [_piece(float(a), radius, width, d) for a in arc])


def _piece(angle: float, radius: float, width: float, d: int) -> Density:
    turn = torch.eye(d)
    cos, sin = math.cos(angle), math.sin(angle)
    turn[:2, :2] = torch.tensor([[cos, -sin], [sin, cos]])
    lengths = torch.cat([torch.tensor([1.3 * width * radius, 0.25 * radius]), torch.ones(d - 2)])
    shift: Tensor = torch.zeros(d)
    shift[:2] = radius * torch.tensor([cos, sin])
    return Moved(Normal(d), turn * lengths, shift)


def _funnel(d: int) -> tuple[Density, Density]:
    spread = uniform(1.0, 3.0)
    shift = torch.zeros(d)
    shift[0] = uniform(-1.0, 1.0) * spread
    # The part is a funnel of its own, shorter and moved along, whose scales are the whole's there.
    scales = torch.cat([torch.ones(1), torch.full((d - 1,), math.exp(float(shift[0]) / 2))])
    shorter = Funnel(d, uniform(0.4, 0.8) * spread)
    return Funnel(d, spread), Moved(shorter, scales.diag(), shift)

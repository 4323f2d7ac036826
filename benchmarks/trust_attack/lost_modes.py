"""Attacks by modes of the model that the flow does not have, or hardly has."""

from __future__ import annotations

import torch

from benchmarks.trust_attack.case import Parts
from benchmarks.trust_attack.compositions import Mixture, Moved
from benchmarks.trust_attack.ingredients import (
    dimension,
    log_uniform,
    near,
    normal_modes,
    one_of,
    uniform,
    weights,
    with_weight,
)


def lost_in_data() -> Parts:
    """The flow lost a mode that is rare in the data and heavy in the model."""
    return _hidden_mode(data_share=log_uniform(0.002, 0.05), flow_share=0.0, seen_by="data")


def nearly_lost() -> Parts:
    """As `lost_in_data`, but a few of a million or of a thousand flow draws fall there."""
    flow_share = log_uniform(1e-6, 1e-3)
    return _hidden_mode(log_uniform(0.002, 0.05), flow_share, seen_by="data")


def lost_without_data() -> Parts:
    """The flow lost a mode that is in the data, but no held-out point is; noise reaches it."""
    return _hidden_mode(data_share=log_uniform(1e-4, 5e-3), flow_share=0.0, seen_by="noise")


def spurious() -> Parts:
    """The model has a mode where neither data nor flow is; noise reaches it."""
    return _hidden_mode(data_share=0.0, flow_share=0.0, seen_by="noise")


def beyond_reach() -> Parts:
    """A spurious mode that not even noise reaches: nothing can see it."""
    return _hidden_mode(data_share=0.0, flow_share=0.0, seen_by="nobody")


def _hidden_mode(data_share: float, flow_share: float, seen_by: str) -> Parts:
    d, n = dimension(), int(torch.randint(2, 5, ()))
    # Modes that noise is to reach must not be far; others may be anywhere.
    radius = uniform(3.0, 6.0) if seen_by == "noise" else log_uniform(3.0, 30.0)
    *others, hidden = normal_modes(n, d, radius, scale=1.0)
    parts = [*others, Moved(hidden.base, log_uniform(0.3, 2.0) * hidden.matrix, hidden.shift)]
    known = weights(n - 1)
    model_share = one_of(log_uniform(0.05, 0.9), uniform(0.05, 0.9))
    model = Mixture(with_weight(known, model_share), parts)
    # Where it is not blind the flow is good, and now and then perfect.
    off = one_of(0.0, 0.1, 0.3)
    flow_parts = [near(part, off, 1 + off / d**0.5) for part in parts]
    return Parts(
        model,
        Mixture(with_weight(known, data_share), parts),
        Mixture(with_weight(known, flow_share), flow_parts),
        hidden=lambda x: model.nearest(x) == n - 1,
        seen_by=seen_by,
    )

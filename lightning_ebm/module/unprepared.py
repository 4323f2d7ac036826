"""A model that has seen no data yet is looked at without becoming another by it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lightning_ebm.flows import Flow
from lightning_ebm.problem import Distribution
from lightning_ebm.random_state import isolated, seed_process

STAND_IN = 1000
"""Draws of the reference that stand for data."""


@contextmanager
def stood_in(reference: Distribution, flows: Sequence[Flow]) -> Iterator[None]:
    """Have flows fitted to draws of the reference, the same each time, and put them back.

    Layers of a flow fit themselves to the first points that they see, whoever shows them, and to
    data no more after that.
    """
    kept = [copy.deepcopy(flow.state_dict()) for flow in flows]
    try:
        with isolated():
            seed_process(0, 0)
            x, _ = reference.sample(STAND_IN)
        for flow in flows:
            flow.initialise(x)
        yield
    finally:
        for flow, state in zip(flows, kept, strict=True):
            flow.load_state_dict(state)

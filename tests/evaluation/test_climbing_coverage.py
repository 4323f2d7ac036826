"""Intervals of a ladder hold what is known, in 784 dimensions, as often as they should."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lightning_ebm import Problem
from lightning_ebm.evaluation.ladder import climb, weights_by_all_rungs
from lightning_ebm.evaluation.log_z import ladder_sandwich

SHAPE = (1, 28, 28)


class Blobs:
    """Two blurred images of given weights with noise of one deviation around them."""

    def __init__(self, weights: list[float], deviation: float) -> None:
        row = torch.linspace(-1, 1, 28, dtype=torch.float64)
        distance = row[:, None].square() + row.square()
        disc, ring = (-8 * distance).exp(), (-30 * (distance.sqrt() - 0.6).square()).exp()
        self.means = torch.stack([disc, ring])[:, None]
        self.weights = torch.tensor(weights, dtype=torch.float64)
        self.deviation = deviation

    def parts(self, x: Tensor) -> Tensor:
        offsets = x[:, None] - self.means
        d = offsets[0, 0].numel()
        scale = self.weights.log() - d * math.log(self.deviation * math.sqrt(2 * math.pi))
        return scale - offsets.flatten(2).square().sum(2) / (2 * self.deviation**2)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.parts(x).logsumexp(1)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        picked = self.weights.multinomial(n, replacement=True)
        noise = torch.randn(n, *SHAPE, dtype=torch.float64)
        x = self.means[picked] + self.deviation * noise
        return x, self.log_prob(x)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_log_z_and_weights_are_held_in_784_dimensions():
    """Of 100 repetitions at least 90 intervals of each hold the truth, and they are narrow.

    The model has weights .3 and .7 and deviation .5, the flow .6 and .4 and .52: some 10 nats
    apart, of which importance sampling from 3,000 draws knows nothing. Z is e².
    """
    torch.manual_seed(1)
    model, flow = Blobs([0.3, 0.7], 0.5), Blobs([0.6, 0.4], 0.53)
    problem = Problem(lambda x: model.log_prob(x) + 2.0, SHAPE, reference=flow, proposal=flow)
    hits_log_z = hits_weight = 0
    widths = []
    for _ in range(100):
        record = climb(problem, 32, 160)
        sandwich = ladder_sandwich(record)
        low, high = sandwich.interval
        hits_log_z += low <= 2.0 <= high
        widths.append(high - low)
        states = record.states
        members = model.parts(states.flatten(0, 2)).softmax(1).view(*states.shape[:3], 2)
        weights, errors = weights_by_all_rungs(record, members)
        hits_weight += abs(float(weights[0]) - 0.3) <= 2 * float(errors[0])
    assert hits_log_z >= 90
    assert hits_weight >= 90
    assert sum(widths) / 100 < 0.5

"""The flow of a sampler that uses one: made where none is given, taught while chains warm up."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from math import prod

import torch
from torch import Tensor, nn

from lightning_ebm.errors import DivergenceError, NotFiniteError, SettingError
from lightning_ebm.flows import Flow, RealNVP, as_flow
from lightning_ebm.module.companion import flow_step
from lightning_ebm.module.pretraining import Pretraining
from lightning_ebm.problem import Problem
from lightning_ebm.sampler import Draw, Sampler

RATE, CLIP = 2e-3, 5.0
"""Of Adam, by which flows learn."""
UPDATES = 5
"""Steps of the flow for every draw of the warm-up."""
FIRST_STEPS, BATCH = 300, 256
"""Steps by which a new flow is fitted to the first chains, and their batches."""


def copied(flow: nn.Module, shape: tuple[int, ...]) -> Flow:
    """A flow of the user's, to be taught apart from it.

    Raises:
        SettingError: if it is of another shape.
    """
    mine = as_flow(copy.deepcopy(flow))
    if tuple(mine.event_shape) != shape:
        raise SettingError(
            f"flow.event_shape is {list(mine.event_shape)}, but chains move in a space of shape "
            f"{list(shape)}: make them equal"
        )
    return mine


def fitted(pool: Tensor) -> Flow:
    """A small RealNVP by maximum likelihood on points `(n, *event)`.

    Raises:
        SettingError: if they have one coordinate, which couplings cannot move, or are too few.
        DivergenceError: if a step is not finite.
    """
    shape = list(pool.shape[1:])
    if len(pool) < 2:
        raise SettingError(
            "the sampler uses a flow, and what chains drew by then is too little to make one of: "
            "give more n_chains or a longer n_warmup, or give flow"
        )
    if prod(shape) < 2:
        raise SettingError(
            "the sampler uses a flow, and one coordinate is too few for the one that would be "
            "made: give flow, e.g. zuko.flows.NSF(1), or choose a sampler without a flow"
        )
    flow = RealNVP(shape).to(pool)
    flow.initialise(pool)
    optimizer = torch.optim.Adam(flow.parameters(), RATE)
    pretraining = Pretraining(flow, optimizer, None, CLIP, lambda gradient: gradient)
    try:
        pretraining.run(_batches(pool), FIRST_STEPS, lambda _: None, progress=False)
    except DivergenceError as failure:
        raise DivergenceError(_diverged(failure.__cause__)) from failure
    return flow


class Teacher:
    """Teaches a flow by its sampler's own loss; data, where a loss asks for it, are earlier draws.

    Args:
        sampler: has the loss.
        flow: learns.
    """

    def __init__(self, sampler: Sampler, flow: Flow) -> None:
        self.sampler, self.flow = sampler, flow
        parameters = list(chain(flow.parameters(), sampler.parameters()))
        for parameter in flow.parameters():
            parameter.requires_grad_(True)
        self.optimizer = torch.optim.Adam(parameters, RATE)
        self.past: list[Tensor] = []

    def teach(self, problem: Problem, draw: Draw) -> None:
        """Some steps on a draw.

        Raises:
            DivergenceError: if one is not finite.
        """
        self.past.append(draw.x)
        # The latest half: the first draws were on their way.
        pool = torch.cat(self.past[len(self.past) // 2 :])
        self.flow.train()
        for _ in range(UPDATES):
            rows = torch.randint(len(pool), (len(draw.x),), device=pool.device)
            loss = self.sampler.flow_loss(replace(problem, data=pool[rows]), draw)
            if loss is None:
                return
            try:
                flow_step(loss, self.optimizer, CLIP, lambda gradient: gradient)
            except NotFiniteError as failure:
                raise DivergenceError(_diverged(failure)) from failure


def _diverged(failure: BaseException | None) -> str:
    return (
        f"the flow diverged while chains warmed up: not finite: {failure}; give a flow that has "
        "been fitted, or start chains closer to the target"
    )


def _batches(pool: Tensor) -> Iterator[Tensor]:
    while True:
        yield pool[torch.randint(len(pool), (BATCH,), device=pool.device)]

"""Where chains begin that were told where, and the shape of a point, whoever says it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from lightning_ebm.errors import SettingError
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_shape
from lightning_ebm.sampler import Sampler
from lightning_ebm.standalone.target import Target
from lightning_ebm.starts import Persistent, Start

Where = Tensor | Distribution
"""Points `(n_chains, *event)`, or what they are drawn from."""


class Given(Start):
    """Points that were given, one for each chain.

    Args:
        points: `(n, *shape)`, in the space of data.
    """

    def __init__(self, points: Tensor) -> None:
        super().__init__()
        self.points = points

    def begin(self, problem: Problem, n: int) -> Tensor:
        """The points in order, again from the first where there are fewer."""
        rows = torch.arange(n, device=self.points.device) % len(self.points)
        return problem.from_data(self.points[rows])

    def anew(self, problem: Problem, n: int) -> Tensor:
        """Noise: the points given for these chains have a density of zero."""
        return problem.reference.sample(n)[0]


def begin_at(sampler: Sampler, points: Tensor) -> bool:
    """Have chains that persist begin at given points; whether the sampler has any."""
    starts = [part for part in sampler.modules() if isinstance(part, Persistent)]
    for start in starts:
        start.first = Given(points)
    return bool(starts)


def event_shape_of(
    target: Target,
    event_shape: tuple[int, ...] | None,
    start: Where | None,
    flow: nn.Module | None,
) -> tuple[int, ...]:
    """The shape of one point.

    Raises:
        SettingError: if nobody says it, it is none, or two say different ones.
    """
    # A number alone is a point without axes.
    if event_shape is not None and event_shape != ():
        require_shape("event_shape", event_shape)
    said = {
        "event_shape": event_shape,
        "target.event_shape": target.event_shape,
        "start": tuple(start.shape[1:])
        if isinstance(start, Tensor)
        else getattr(start, "event_shape", None),
    }
    if all(shape is None for shape in said.values()):
        said = {"flow.event_shape": getattr(flow, "event_shape", None)}
    shapes = {name: tuple(shape) for name, shape in said.items() if shape is not None}
    if not shapes:
        raise SettingError(
            "the shape of a point is not known from this target: give event_shape, e.g. (2,), or "
            "start, points of shape (n_chains, *event)"
        )
    (name, shape), *others = shapes.items()
    for other, differs in others:
        if differs != shape:
            raise SettingError(
                f"{name} says that points have shape {list(shape)}, and {other} {list(differs)}: "
                "make them equal"
            )
    return shape


def points_of(start: Where, n_chains: int, like: Tensor) -> Tensor:
    """The points where chains begin, `(n_chains, *event)`.

    Raises:
        SettingError: if they are not one for each chain, not real, or not finite.
    """
    x = start.sample((n_chains,)) if isinstance(start, Distribution) else start
    if not isinstance(x, Tensor) or len(x) != n_chains:
        given = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise SettingError(
            f"start is {given}, and n_chains is {n_chains}: give one point for each chain, shape "
            "(n_chains, *event), or a torch.distributions object that they are drawn from"
        )
    if x.is_complex() or not x.isfinite().all():
        fault = f"is of {x.dtype}" if x.is_complex() else "has entries that are not finite"
        raise SettingError(f"start {fault}: give finite points of real numbers")
    # Of inference mode as it may be, it would take part in no gradient.
    return x.detach().clone().to(like)

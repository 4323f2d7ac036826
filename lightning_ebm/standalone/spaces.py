"""The space that chains move in, where the target has bounds or a support of its own.

Chains move over all of space at points y, and x = to_target(y) is reported. With the log-density
log p(to_target(y)) + log_volume(y) that is exact for every exact kernel, whatever it proposes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints
from torch.distributions.transforms import Transform

from lightning_ebm.errors import SettingError

Bound = float | Sequence[float] | Tensor | None
Bounds = tuple[Bound, Bound]


class Space(Protocol):
    """Where chains move.

    Attributes:
        shape: of one point y.
        centre: where noise lies, and `width` how wide it is; of the shape of y.
    """

    shape: tuple[int, ...]
    centre: Tensor
    width: Tensor

    def to_target(self, y: Tensor) -> Tensor:
        """Points x of the target `(n, *event)`."""

    def from_target(self, x: Tensor) -> Tensor:
        """Points y that are mapped to x."""

    def log_volume(self, y: Tensor) -> Tensor:
        """What is added to the log-density `(n,)`."""


class Everywhere:
    """All of space, as it is."""

    def __init__(self, shape: tuple[int, ...], like: Tensor) -> None:
        self.shape = shape
        self.centre, self.width = like.new_zeros(shape), like.new_ones(shape)

    def to_target(self, y: Tensor) -> Tensor:
        """The same."""
        return y

    from_target = to_target

    def log_volume(self, y: Tensor) -> Tensor:
        """Zero."""
        return y.new_zeros(len(y))


class Folded:
    """Space folded at bounds, so that a chain that comes to one is reflected.

    The target is p(fold(y)) on the box and one mirror image of it at each bound, which have the
    same mass, and zero beyond: x = fold(y) has the law p on the box exactly. Chains that come to
    the far ends of these images stay there for that step.

    Args:
        low: of each coordinate; -∞ where there is none.
        high: the same.
    """

    def __init__(self, low: Tensor, high: Tensor) -> None:
        self.shape = tuple(low.shape)
        self.low, self.high = low, high
        both = low.isfinite() & high.isfinite()
        zero = torch.zeros_like(low)
        one_sided = torch.where(low.isfinite(), low, torch.where(high.isfinite(), high, zero))
        self.centre = torch.where(both, (low + high) / 2, one_sided)
        self.width = torch.where(both, (high - low) / 2, torch.ones_like(low))
        self._both = both

    def to_target(self, y: Tensor) -> Tensor:
        """Reflect at the bound that was passed, if one was."""
        # Below by one image, above by one: beyond these the density is zero, whatever x is.
        x = torch.where(y < self.low, 2 * self.low - y, y)
        x = torch.where(y > self.high, 2 * self.high - y, x)
        return torch.minimum(torch.maximum(x, self.low), self.high)

    def from_target(self, x: Tensor) -> Tensor:
        """The same point, in the box itself."""
        return x

    def log_volume(self, y: Tensor) -> Tensor:
        """Zero, and -∞ beyond the mirror images."""
        beyond = self._both & ((y - self.centre).abs() > 3 * self.width)
        outside = beyond.reshape(len(y), -1).any(1)
        return torch.where(outside, -torch.inf, torch.zeros_like(outside, dtype=y.dtype))


class Transformed:
    """All of space, mapped onto a support by a smooth bijection with its log-determinant.

    Args:
        support: of the target.
        event_shape: of the target.
        like: of the type and on the device of points.
    """

    def __init__(
        self, support: constraints.Constraint, event_shape: tuple[int, ...], like: Tensor
    ) -> None:
        self.transform: Transform = biject_to(support)
        self.shape = tuple(self.transform.inverse_shape(torch.Size(event_shape)))
        self.centre, self.width = like.new_zeros(self.shape), like.new_ones(self.shape)

    def to_target(self, y: Tensor) -> Tensor:
        """The point of the support."""
        x: Tensor = self.transform(y)
        return x

    def from_target(self, x: Tensor) -> Tensor:
        """Where it comes from."""
        y: Tensor = self.transform.inv(x)
        return y

    def log_volume(self, y: Tensor) -> Tensor:
        """log|det ∂x/∂y|."""
        log_det: Tensor = self.transform.log_abs_det_jacobian(y, self.transform(y))
        return log_det.reshape(len(y), -1).sum(1)


def space_of(
    event_shape: tuple[int, ...],
    support: constraints.Constraint | None,
    bounds: Bounds | None,
    like: Tensor,
    *,
    smooth: bool,
) -> Space:
    """The space for a target's support or for given bounds, all of space if there are neither.

    Args:
        event_shape: of the target.
        support: of the target, or None for all of space.
        bounds: lowest and highest values, numbers or one per coordinate, None for no bound.
        like: of the type and on the device of points.
        smooth: whether bounds are met by a bijection in place of reflections: a flow that knows
            no mirror images proposes and is taught in this space.

    Raises:
        SettingError: if bounds enclose nothing, or there are both.
    """
    if bounds is None:
        if support is None:
            return Everywhere(event_shape, like)
        return _by_bijection(support, event_shape, like)
    if support is not None:
        raise SettingError(
            f"bounds is {bounds}, but the target has a support of its own, {support}, which "
            "chains keep to: leave out bounds"
        )
    low, high = _ends(bounds, event_shape, like)
    if not smooth:
        return Folded(low, high)
    finite = low.isfinite(), high.isfinite()
    if all(end.all() for end in finite):
        support = constraints.interval(low, high)
    elif finite[0].all() and not finite[1].any():
        support = constraints.greater_than(low)
    elif finite[1].all() and not finite[0].any():
        support = constraints.less_than(high)
    else:
        raise SettingError(
            f"bounds is {bounds}: samplers that use a flow need the same ends bounded for all "
            "coordinates; give them, or choose a sampler without a flow, e.g. hmc"
        )
    return _by_bijection(support, event_shape, like)


def _by_bijection(
    support: constraints.Constraint, event_shape: tuple[int, ...], like: Tensor
) -> Space:
    try:
        return Transformed(support, event_shape, like)
    except NotImplementedError as failure:
        raise SettingError(
            f"the target's support is {support}, for which torch has no bijection (biject_to): "
            "give its log_prob as a function, and bounds if it has any"
        ) from failure


def _ends(bounds: Bounds, event_shape: tuple[int, ...], like: Tensor) -> tuple[Tensor, Tensor]:
    try:
        low, high = (
            torch.as_tensor(none if end is None else end, dtype=like.dtype, device=like.device)
            .expand(event_shape)
            .clone()
            for end, none in zip(bounds, (-torch.inf, torch.inf), strict=True)
        )
    except (RuntimeError, TypeError, ValueError) as failure:
        raise SettingError(
            f"bounds is {bounds}: give (low, high), each a number, None, or one number for each "
            f"coordinate of a point of shape {list(event_shape)}"
        ) from failure
    if not (low < high).all():
        raise SettingError(f"bounds is {bounds}: low must be below high in every coordinate")
    return low, high

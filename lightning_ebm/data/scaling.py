"""Scaling of a user's own values, fitted to the training set, with its log-determinant."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from lightning_ebm.errors import SettingError
from lightning_ebm.transforms import Compose, Logit, Scale, Transform

Scaling = Literal["none", "standardise", "range", "logit"]


class Affine(Transform):
    """Move and stretch each coordinate: y = (x - location) / scale.

    Args:
        location: what goes to 0, one number per coordinate.
        scale: what becomes one unit, positive, of the same shape.
    """

    def __init__(self, location: Tensor, scale: Tensor) -> None:
        self.location = location
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Map x to y."""
        return (x - self.location.to(x.device)) / self.scale.to(x.device)

    def inverse(self, y: Tensor) -> Tensor:
        """Map y back to x."""
        return self.location.to(y.device) + self.scale.to(y.device) * y

    def log_det(self, x: Tensor) -> Tensor:
        """The sum of -log scale, the same for every item, `(n,)`."""
        return x.new_full((len(x),), -float(self.scale.log().sum()))


def fitted(scaling: str, x: Tensor, levels: int | None) -> Transform:
    """The scaling as it fits the training set.

    Args:
        scaling: `none`; `standardise` to mean 0 and deviation 1, coordinate by coordinate; `range`
            to [-1, 1], likewise; `logit`, from levels to the real line.
        x: training items `(n, *event)`; where values are levels, those divided by their number.
        levels: number of values that a coordinate can take, or None where it is any number.

    Raises:
        SettingError: if it cannot be fitted to these items.
    """
    if scaling == "none":
        return Compose([])
    if scaling == "logit":
        if levels is None:
            raise SettingError(
                "scaling is 'logit', which is for integer levels: give levels, or another scaling"
            )
        return Logit()
    if scaling == "range" and levels is not None:
        return Scale()
    x = x.double()
    low, high = x.amin(0), x.amax(0)
    if levels is None and (low == high).any():
        place = (low == high).nonzero()[0].tolist()
        raise SettingError(
            f"scaling is '{scaling}', but coordinate {place} has one value in all {len(x)} "
            "training items, and no density: leave it out, or set scaling: none"
        )
    if scaling == "range":
        return Affine((low + high) / 2, (high - low) / 2)
    if levels is not None:
        # Levels are spread over their cells: by half of one, and by a variance of its own.
        variance = x.var(0, correction=0) + 1 / (12 * levels**2)
        return Affine(x.mean(0) + 0.5 / levels, variance.sqrt())
    return Affine(x.mean(0), x.std(0))


def require_scaling(scaling: str) -> str:
    """One of the four words.

    Raises:
        SettingError: if it is none.
    """
    known = ("none", "standardise", "range", "logit")
    if scaling not in known:
        raise SettingError(f"scaling is {scaling!r}: give one of {', '.join(known)}")
    return scaling

"""Nothing that is not finite is kept: one test of many tensors."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from lightning_ebm.errors import NotFiniteError


def require_finite(what: str, tensors: Iterable[Tensor]) -> None:
    """Raise `NotFiniteError` unless the Euclidean norm of all tensors together is finite.

    So are their squares then, which optimizers sum up: a gradient whose square overflows would
    leave a second moment that is infinite, and weights that stand for ever.

    Args:
        what: names the tensors.
        tensors: any number of them.
    """
    if not nn.utils.get_total_norm(tensors).isfinite():
        raise NotFiniteError(what)

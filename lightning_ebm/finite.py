"""Nothing that is not finite is kept: one test of many tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
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
    if not _total_norm(list(tensors)).isfinite():
        raise NotFiniteError(what)


def require_all_finite(groups: Mapping[str, list[Tensor]]) -> None:
    """Raise `NotFiniteError` for the first group of tensors that `require_finite` refuses.

    A device is waited for once, whatever the number of groups, unless one is refused.

    Args:
        groups: tensors by what names them.
    """
    norms = [_total_norm(tensors) for tensors in groups.values() if tensors]
    home = norms[0].device if norms else None
    if norms and not torch.stack([norm.isfinite().to(home) for norm in norms]).all():
        for what, tensors in groups.items():
            require_finite(what, tensors)


def require_state_finite(what: str, tensors: list[Tensor]) -> None:
    """Raise `NotFiniteError` unless all tensors are finite, whatever their squares are."""
    largest = torch._foreach_norm(tensors, torch.inf) if tensors else []
    if not all(bool(value.isfinite()) for value in largest):
        raise NotFiniteError(what)


def _total_norm(tensors: list[Tensor]) -> Tensor:
    if len({(tensor.device, tensor.dtype) for tensor in tensors}) != 1:
        return nn.utils.get_total_norm(tensors)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))
    return norm

"""Standardisations of the energies in a network are fitted to what each of them is given."""

from __future__ import annotations

from typing import Any, NoReturn, cast

import torch
from torch import Tensor, nn

from lightning_ebm.energies.energy import Energy
from lightning_ebm.networks import bare, frozen

CHUNK = 500
"""Points that pass through a network at once."""


@torch.no_grad()
def fit_standardisations(network: nn.Module, data: Tensor) -> None:
    """Show points of data `(n, *event)` to each `Energy` that a network is, wraps or contains.

    An energy within another network, after a layer of the user's say, is fitted to what that
    network makes of the data before it; one that is given nothing stays as it is.
    """
    whole = bare(network)
    for part in whole.modules():
        if Energy in type(part).__mro__:
            # `isinstance` says of any module that it is one.
            energy = cast("Energy", part)
            seen = data if part is whole else _given_to(part, whole, data)
            if len(seen):
                energy.initialise(seen)


def _given_to(part: nn.Module, network: nn.Module, data: Tensor) -> Tensor:
    """What a part of a network is called with first, for all the data."""
    seen: list[Tensor] = []

    def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
        seen.append(next(iter((*args, *kwargs.values()))))
        raise _Seen

    hook = part.register_forward_pre_hook(note, with_kwargs=True)
    try:
        # A compiled part would not notice its hook.
        with frozen(network), torch.compiler.set_stance("force_eager"):
            for points in data.split(CHUNK):
                try:
                    network(points)
                except _Seen:
                    continue
    finally:
        hook.remove()
    return torch.cat(seen) if seen else data[:0]


class _Seen(Exception):
    """Ends a pass through a network of which the rest is not needed."""

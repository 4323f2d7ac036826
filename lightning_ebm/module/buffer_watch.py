"""Buffers of networks that change with every batch, as running statistics do, and may overflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

Networks = Mapping[str, nn.Module | None]


class BufferWatch:
    """Sees buffers become other than finite; one that was not when training began may stay so.

    A mask of -inf is such a one. All are looked at, for torch does not count changes that its
    own layers make.
    """

    def __init__(self) -> None:
        self._homes: dict[str, tuple[nn.Module, str]] = {}

    def begin(self, networks: Networks) -> None:
        """Watch the buffers that are finite now.

        Args:
            networks: by name; None for one that there is not.
        """
        self._homes = dict(_homes(networks))
        spoilt = self.overflowed()
        self._homes = {key: home for key, home in self._homes.items() if key not in spoilt}

    def overflowed(self) -> list[str]:
        """Which are not finite any more, in words."""
        buffers = {key: module._buffers.get(name) for key, (module, name) in self._homes.items()}
        return _not_finite({key: value for key, value in buffers.items() if value is not None})

    def __getstate__(self) -> dict[str, object]:
        """Nothing: what is watched is anew when training begins."""
        return {"_homes": {}}


def _homes(networks: Networks) -> Iterator[tuple[str, tuple[nn.Module, str]]]:
    """Where each buffer is found, by its name in words."""
    for title, network in networks.items():
        for path, module in () if network is None else network.named_modules():
            for name, buffer in module._buffers.items():
                if buffer is not None and buffer.is_floating_point() and buffer.numel() > 0:
                    full = f"{path}.{name}".lstrip(".")
                    yield f"buffer {full} of the {title}", (module, name)


def _not_finite(buffers: dict[str, Tensor]) -> list[str]:
    if not buffers:
        return []
    largest = [*torch._foreach_norm([*buffers.values()], torch.inf)]
    if len({(value.dtype, value.device) for value in largest}) > 1:
        largest = [value.double().cpu() for value in largest]
    finite = torch.stack(largest).isfinite()
    # A device is waited for once.
    if finite.all():
        return []
    return [key for key, good in zip(buffers, finite.tolist(), strict=True) if not good]

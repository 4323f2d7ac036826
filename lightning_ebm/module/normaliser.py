"""The latest estimate of log Z, and of which weights it is: others are never normalised by it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lightning_ebm.errors import SettingError
from lightning_ebm.evaluation.log_z import LogZ

KEY = "log_z"
REMEDY = "call estimate_log_z(), or test the model (lightning test --ckpt_path, Trainer.test)"


class Normaliser:
    """Keeps one estimate, and a mark of the weights that it is of.

    Attributes:
        latest: the estimate, or None.
        mark: see `marked`.
    """

    def __init__(self) -> None:
        self.latest: LogZ | None = None
        self.mark: list[int] = []

    def take(self, log_z: LogZ, weights: Mapping[str, Tensor]) -> None:
        """Keep an estimate for the model of these weights."""
        self.latest, self.mark = log_z, marked(weights)

    def of(self, weights: Mapping[str, Tensor]) -> LogZ:
        """The estimate, if it is for the model of these weights.

        Raises:
            SettingError: if there is none, or it is for others.
        """
        if self.latest is None:
            raise SettingError(f"log Z of this model has not been estimated yet: {REMEDY}")
        if self.mark != marked(weights):
            raise SettingError(
                "the model has changed since its log Z was estimated to be "
                f"{self.latest.value:.3f}: {REMEDY} again"
            )
        return self.latest

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it, in plain types; nothing if there is no estimate."""
        if self.latest is None:
            return {}
        return {KEY: asdict(self.latest) | {"mark": self.mark}}

    def written(self) -> dict[str, Any] | None:
        """The same for a file of JSON, which has no infinite numbers: null in place of them."""
        return {key: _finite(part) for key, part in self.state().get(KEY, {}).items()} or None

    def take_written(self, path: Path, weights: Mapping[str, Tensor]) -> None:
        """Take up what a test of a checkpoint has written, if it alone is of these weights."""
        mark = marked(weights)
        if self.mark == mark:
            return
        try:
            saved = json.loads(path.read_text())["run"][KEY]
        except (OSError, ValueError, KeyError, TypeError):
            # There was no test, or one by another version: there is no estimate then.
            return
        if saved is not None and saved.get("mark") == mark:
            unknown = {"standard_error": math.inf, "lower": -math.inf, "upper": math.inf}
            self.load({KEY: {k: unknown.get(k) if v is None else v for k, v in saved.items()}})

    def load(self, shared: Mapping[str, Any]) -> None:
        """Take up what a checkpoint held."""
        saved = dict(shared.get(KEY, {}))
        self.mark = saved.pop("mark", [])
        self.latest = LogZ(**saved) if saved else None


def _finite(value: Any) -> Any:  # noqa: ANN401 - of JSON
    return None if isinstance(value, float) and not math.isfinite(value) else value


@torch.no_grad()
def marked(weights: Mapping[str, Tensor]) -> list[int]:
    """A number for each tensor, from the bits of its entries as float32: the same on any device.

    A sum of whole numbers, which has no rounding; a step of training changes it.
    """
    sums = [
        value.detach().float().contiguous().view(torch.int32).sum(dtype=torch.int64)
        for value in weights.values()
    ]
    return torch.stack(sums).tolist() if sums else []

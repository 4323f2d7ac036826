"""Going on from a checkpoint under settings that may be others: what differs, and what must not.

Optimizers, schedulers and random streams compare their own settings. Here are those that nobody
keeps a state of; the shapes of networks cannot change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from lightning_ebm.checkpoints.shapes import require_shapes
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels.step_size import StepSize
from lightning_ebm.module.model import EnergyBasedModel
from lightning_ebm.module.process_state import KEY
from lightning_ebm.resuming import differing, in_place_of, say

SAID_ELSEWHERE = ("energy_optimizer", "flow_optimizer", "energy_scheduler", "flow_scheduler")
OVER = ("flow_pretraining", "flow_pretraining_scheduler")
"""What is done before the first step and not again."""
OVER_OR_SAID = ("flow_pretraining_scheduler",)
"""Of it, where it goes on."""
CLIP = "gradient_clip_val"


class Resumption:
    """What a run does otherwise than its checkpoint, until it is said."""

    def __init__(self) -> None:
        self.clauses: list[str] = []

    def save(self, checkpoint: dict[str, Any], clip: float | None) -> None:
        """Add Trainer's clip, which is no setting of the module."""
        checkpoint[KEY][CLIP] = clip

    def load(
        self,
        checkpoint: dict[str, Any],
        module: EnergyBasedModel,
        clip: float | None,
        *,
        strict: bool,
    ) -> None:
        """Compare, before anything of the checkpoint is taken up.

        Args:
            checkpoint: as it was loaded.
            module: what goes on.
            clip: Trainer's.
            strict: whether it must have the very weights that were saved.

        Raises:
            SettingError: if a network has other shapes, or a setting cannot be changed.
        """
        then, settings = checkpoint.get("hyper_parameters", {}), module.hparams
        require_shapes(checkpoint["state_dict"], module, strict=strict)
        if "base_widening" in differing(then, settings) and settings.get("base") == "gaussian":
            clause = in_place_of(
                "model.base_widening is", settings["base_widening"], then["base_widening"]
            )
            raise SettingError(
                f"{clause}, but the Gaussian is fitted once, when a run begins: give "
                f"{then['base_widening']}, or begin anew"
            )
        prepared = bool(checkpoint["state_dict"].get("prepared", True))
        self.clauses = list(_settings(then, settings, OVER if prepared else OVER_OR_SAID))
        if "sampler" not in settings:
            self.clauses += _step_sizes(checkpoint, module.sampler)
        trainer = checkpoint.get(KEY, {})
        if CLIP in differing(trainer, {CLIP: clip}):
            self.clauses.append(in_place_of(CLIP, clip, trainer[CLIP]))

    def say(self) -> None:
        """Say it, once."""
        say(self.clauses)
        self.clauses = []


def _settings(then: Mapping[str, Any], now: Mapping[str, Any], over: tuple[str, ...]) -> list[str]:
    skipped = (*SAID_ELSEWHERE, *over, "_instantiator")
    then, now = (
        _flat({k: v for k, v in settings.items() if k not in skipped}) for settings in (then, now)
    )
    return [in_place_of(key, now[key], then[key]) for key in differing(then, now)]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted keys, as they are written without Lightning's own words."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if key == "class_path":
            flat[prefix.rstrip(".")] = value
        elif key == "init_args":
            flat |= _flat(value or {}, prefix)
        elif isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _step_sizes(checkpoint: Mapping[str, Any], sampler: nn.Module) -> list[str]:
    processes = checkpoint.get(KEY, {}).get("processes") or [{"sampler": {}}]
    clauses = []
    for path, part in sampler.named_modules():
        if isinstance(part, StepSize):
            then = processes[0]["sampler"].get(f"{path}._extra_state", {})
            now: Mapping[str, object] = part.get_extra_state()
            changed = [key for key in differing(then, now) if key != "log_value"]
            names = {key: path if key == "initial" else f"{path} {key}" for key in changed}
            clauses += [in_place_of(f"sampler.{names[k]}", now[k], then[k]) for k in changed]
    return clauses

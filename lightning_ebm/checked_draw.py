"""A draw of a sampler that may be anybody's: what it raises or returns amiss is said of it."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.checkpoints.loadable import require_loadable
from lightning_ebm.errors import PlugInError, SettingError
from lightning_ebm.problem import Problem
from lightning_ebm.sampler import Draw, Sampler

OURS = ("lightning_ebm", "sampler_plugins", "torch", "abc", "typing", "builtins")


def checked_draw(sampler: Sampler, problem: Problem, n: int, *, first: bool = False) -> Draw:
    """`sampler(problem, n)`, or a sentence that says what is wrong with the sampler.

    Args:
        sampler: what draws.
        problem: what it draws from.
        n: how many points.
        first: whether this is the first draw of a run, after which is checked that what the
            sampler keeps can be loaded from a checkpoint.

    Raises:
        PlugInError: if a sampler that is not the library's raises anything or exits.
        SettingError: if what it returns is no draw of n points, or what it keeps cannot be loaded.
    """
    try:
        draw: Draw = sampler(problem, n)
    except (SettingError, FloatingPointError):
        raise
    except (Exception, SystemExit) as failure:
        if not is_foreign(sampler):
            raise
        raise PlugInError(
            f"model.sampler is {type(sampler).__name__}, which failed to draw {n} points: "
            f"{type(failure).__name__}: {failure}: mend it, or choose another sampler"
        ) from failure
    _require_draw(draw, type(sampler).__name__, (n, *problem.event_shape))
    if first:
        require_loadable(f"model.sampler ({type(sampler).__name__})", sampler.state_dict())
    return draw


def is_foreign(sampler: Sampler) -> bool:
    """Whether a class of the sampler or of its parts comes from outside the library."""
    classes = {kind for part in sampler.modules() for kind in type(part).__mro__}
    return any(kind.__module__.partition(".")[0] not in OURS for kind in classes)


def _require_draw(draw: Draw, name: str, shape: tuple[int, ...]) -> None:
    if not torch.is_floating_point(draw.x):
        raise SettingError(
            f"model.sampler is {name}, whose draw has points of {draw.x.dtype}: return "
            "floating-point numbers"
        )
    if draw.x.shape != shape:
        raise SettingError(
            f"model.sampler is {name}, whose draw has shape {tuple(draw.x.shape)} where {shape} "
            "was asked for, (n, *event): return as many points, of that shape"
        )
    for key, value in draw.info.items():
        if not (isinstance(value, Tensor) and value.numel() == 1):
            raise SettingError(
                f"model.sampler is {name}, whose draw has info['{key}'] = "
                f"{value!r:.80}: return a tensor with one number"
            )

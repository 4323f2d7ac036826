"""What a module's constructor is given beside a checkpoint: what that lacks, and nothing else."""

from __future__ import annotations

import difflib
import inspect
from pathlib import Path
from typing import Any

from lightning_ebm.errors import SettingError


def require_arguments(
    kind: type, path: str | Path, saved: dict[str, Any], known: set[str], given: dict[str, Any]
) -> None:
    """See that a module can be made anew from a checkpoint and the arguments given.

    Args:
        kind: class of the module.
        path: of the checkpoint.
        saved: its contents.
        known: arguments of the constructor that the checkpoint has.
        given: arguments of the constructor.

    Raises:
        SettingError: if an object that the module was made of in Python is not given, or an
            argument is none of the constructor's.
    """
    parameters = inspect.signature(kind).parameters
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for name in given.keys() - parameters.keys() if not open_ended else ():
        close = difflib.get_close_matches(name, parameters, n=1)
        raise SettingError(
            f"load_from_checkpoint was given {name}, which {kind.__name__} has not"
            + (f": give {close[0]}" if close else f": give one of {', '.join(parameters)}")
        )
    of_objects = ["energy", "sampler"]
    if any(key.startswith("flow.") for key in saved["state_dict"]):
        of_objects.append("flow")
    # A class of one's own may make them itself.
    there = known | given.keys()
    missing = [name for name in of_objects if name in parameters and name not in there]
    if missing:
        raise SettingError(
            f"checkpoint_path is '{path}', of a module made in Python, which had objects for "
            f"{' and '.join(missing)}: give them anew, "
            f"load_from_checkpoint(path, {', '.join(f'{name}=...' for name in missing)})"
        )

"""What a run begins and ends with on a terminal: its progress bar, and where everything lies."""

from __future__ import annotations

from pathlib import Path

import lightning as L
from jsonargparse import Namespace
from lightning.pytorch.callbacks import Callback, ProgressBar

from lightning_ebm.module.lean_trainer import SparingProgressBar


def progress_bar(trainer: Namespace) -> list[Callback]:
    """The library's bar, unless a trainer's settings have another, or none."""
    callbacks = trainer.callbacks or []
    given = callbacks if isinstance(callbacks, list) else [callbacks]
    others = {one.class_path.rpartition(".")[2] for one in given if isinstance(one, Namespace)}
    bars = {"ProgressBar", *(bar.__name__ for bar in _subclasses(ProgressBar))}
    if trainer.enable_progress_bar is False or trainer.barebones or others & bars:
        return []
    return [SparingProgressBar()]


def say_where_all_lies(trainer: L.Trainer) -> None:
    """Print, after a fit, the folder of the run and the commands to go on with."""
    path = getattr(trainer.checkpoint_callback, "last_model_path", "")
    # Lightning asks all processes for the folder's name.
    folder = trainer.log_dir
    if not trainer.is_global_zero or not path or not Path(path).is_file():
        return
    path = _short(Path(path))
    lines = [f"The model is {path}"]
    if folder is not None:
        lines[0] = f"The run lies in {_short(Path(folder))}, its model is {path}"
        lines.append(f"watch it:     tensorboard --logdir {_short(Path(folder).parent)}")
    lines.append(f"test it:      lightning test --ckpt_path={path}")
    lines.append(f"sample it:    lightning predict --ckpt_path={path}")
    print("\n".join(lines))


def _short(path: Path) -> Path:
    """A path as one would type it here."""
    absolute = path.absolute()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute


def _subclasses(kind: type) -> set[type]:
    found: set[type] = set(kind.__subclasses__())
    return found.union(*(_subclasses(one) for one in found))

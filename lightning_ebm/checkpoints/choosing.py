"""Which file `last`, `best` or a path means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_warn

from lightning_ebm.checkpoints.opening import require_file
from lightning_ebm.checkpoints.reading import read, step
from lightning_ebm.errors import SettingError

RUNS = ("version_*", "*/version_*", "lightning_logs/*")
"""Where runs with a logger lie below a root folder; those without lie in it."""

LOOKED_AT = 8
"""Files of a run that are opened to find the last, by the time they were written."""


def choose(word: str, root: Path, *also: Path) -> Path:
    """The checkpoint that `--ckpt_path` means.

    Args:
        word: `last`, the latest step of the run in `root` that was written to last; `best`, that
            run's best by the figure it monitored; or a path.
        root: the default root folder of runs.
        also: further folders that hold checkpoints of runs.

    Raises:
        SettingError: if there is none.
    """
    if word not in {"last", "best"}:
        return require_file(word)
    folders = sorted(_folders(root, *also), key=_written, reverse=True)
    if not folders:
        raise SettingError(
            f"--ckpt_path is '{word}', but no run in {root.absolute()} has a checkpoint: give a "
            "path, or --trainer.default_root_dir, or leave it out to begin"
        )
    return last(folders[0]) if word == "last" else _best(folders[0])


def last(folder: Path) -> Path:
    """The checkpoint of the latest step in a folder of checkpoints.

    Raises:
        SettingError: if none of them can be read.
    """
    return max(_readable(folder), key=lambda item: (item[1], item[0].stem.startswith("last")))[0]


def run_folders(root: Path) -> set[Path]:
    """The folders of a root folder in which runs can lie."""
    return {root, *(folder for layout in RUNS for folder in root.glob(layout))}


def _best(folder: Path) -> Path:
    # The state that was written last knows of all that were saved before it.
    latest = max(_readable(folder), key=lambda item: (item[1], item[0].stat().st_mtime_ns))[0]
    states = _monitors(read(latest))
    if not states:
        raise SettingError(
            f"--ckpt_path is 'best', but the run in {folder.parent} monitored no figure: give "
            "last or a path, or train with --checkpoint.monitor, for instance val/nll"
        )
    recorded = Path(states[0]["best_model_path"])
    moved = folder / recorded.name
    if not recorded.name or not (recorded.is_file() or moved.is_file()):
        raise SettingError(
            f"--ckpt_path is 'best', but the run in {folder.parent} has none: its "
            f"{states[0]['monitor']} was never measured when it saved; give last or a path"
        )
    return moved if moved.is_file() else recorded


def _monitors(contents: dict[str, Any]) -> list[dict[str, Any]]:
    states = contents.get("callbacks", {}).values()
    keeping = [s for s in states if isinstance(s, dict) and {"monitor", "best_model_path"} <= {*s}]
    return [state for state in keeping if state["monitor"] is not None]


def _folders(root: Path, *also: Path) -> set[Path]:
    found = {run.absolute() / "checkpoints" for run in run_folders(root)}
    return {folder for folder in found | {f.absolute() for f in also} if _files(folder)}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.ckpt") if path.is_file()]


def _written(folder: Path) -> int:
    return max(path.stat().st_mtime_ns for path in _files(folder))


def _readable(folder: Path) -> list[tuple[Path, int]]:
    found = list(_steps(folder))
    if not found:
        raise SettingError(
            f"no checkpoint in {folder} can be read: give --ckpt_path=PATH of another"
        )
    return found


def _steps(folder: Path) -> Iterator[tuple[Path, int]]:
    newest = sorted(_files(folder), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    named = [path for path in newest[LOOKED_AT:] if path.stem.startswith("last")]
    for path in newest[:LOOKED_AT] + named:
        try:
            yield path, step(read(path))
        except SettingError as damage:
            rank_zero_warn(f"passed over: {damage}")

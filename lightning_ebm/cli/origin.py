"""The checkpoint that a command starts from, and what it brings along: settings and a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from lightning_ebm.checkpoints import reading
from lightning_ebm.checkpoints.choosing import choose, last
from lightning_ebm.cli.arguments import class_at, value_of
from lightning_ebm.errors import SettingError

LOOKING = ("validate", "test", "predict")
OWN = ("model", "data", "seed_everything")
"""Settings that make a run another run."""


@dataclass(frozen=True)
class Origin:
    """A checkpoint that is given to a command.

    Args:
        path: the file.
        settings: what it was trained with; None if a script trained it.
        folder: of its run.
        step: its optimizer steps.
        latest: whether its run has none of a later step.
        by_word: whether it was named as `last` or `best`.
        elsewhere: whether the command names a root folder that the run does not lie in.
    """

    path: Path
    settings: dict[str, Any] | None
    folder: Path
    step: int
    latest: bool
    by_word: bool
    elsewhere: bool

    def reason_to_part(self, settings: dict[str, Any]) -> str | None:
        """Why a run of these settings that goes on from here is one of its own; None if it isn't.

        Args:
            settings: of the command.
        """
        if self.elsewhere:
            return "another --trainer.default_root_dir is given"
        if self.settings is None:
            return "it does not say with which settings it was trained"
        changed = [key for key in OWN if settings.get(key) != self.settings.get(key)]
        if changed:
            return f"other settings are given for {', '.join(changed)}"
        return None if self.latest else f"its run went further than step {self.step}"


def with_origin(args: list[str]) -> tuple[list[str], Origin | None]:
    """Arguments with the checkpoint's path and its settings, over which all that is said wins.

    Raises:
        SettingError: if there is no such checkpoint, or a command that looks at a model has none.
    """
    command = args[0] if args else ""
    silent = {"-h", "--help"} & set(args) or any(a.startswith("--print_config") for a in args)
    if command not in ("fit", *LOOKING) or silent:
        return args, None
    root = Path(class_at("trainer.default_root_dir", args) or ".")
    word = class_at("ckpt_path", args) or (_requeued(root) if command == "fit" else None)
    if word is None:
        if command == "fit":
            return args, None
        raise SettingError(
            f"lightning {command} needs a trained model: give --ckpt_path=PATH of a checkpoint, "
            "or last or best"
        )
    kept_in = class_at("checkpoint.dirpath", args)
    path = choose(word, root, *([Path(kept_in)] if kept_in else []))
    # A file that is loaded by running its code, as asked, is not read beforehand.
    runs_code = str(class_at("weights_only", args)).lower() == "false"
    contents = {} if runs_code else reading.read(path)
    folder = reading.run_folder(path, contents)
    given_root = value_of("--trainer.default_root_dir", args)
    origin = Origin(
        path,
        reading.settings(contents),
        folder,
        reading.step(contents),
        latest=word == "last" or runs_code or _latest(path, contents),
        by_word=word in {"last", "best"},
        elsewhere=given_root is not None and not _within(folder, Path(given_root)),
    )
    underlying = _underlying(origin, args)
    return [
        command,
        *underlying,
        *_without("--ckpt_path", args[1:]),
        f"--ckpt_path={path}",
    ], origin


def _underlying(origin: Origin, args: list[str]) -> list[str]:
    if origin.settings is not None:
        return [f"--config={yaml.safe_dump(origin.settings)}"]
    if args[0] == "fit" or value_of("--config", args) or value_of("-c", args):
        return []
    saved = origin.folder / "config.yaml"
    if not saved.is_file():
        raise SettingError(
            f"no --config is given, and there is no {saved} beside the checkpoint: give the "
            "configuration that the model was trained with"
        )
    return [f"--config={saved}"]


def _requeued(root: Path) -> str | None:
    # What Lightning would find by itself, when SLURM starts a job again.
    if not SLURMEnvironment.detect():
        return None
    saved = {p: p.stem.rpartition("_")[2] for p in root.glob("hpc_ckpt_*.ckpt")}
    numbered = [path for path, number in saved.items() if number.isdigit()]
    return str(max(numbered, key=lambda path: int(saved[path]))) if numbered else None


def _latest(path: Path, contents: dict[str, Any]) -> bool:
    folder = reading.run_folder(path, contents) / "checkpoints"
    if not folder.is_dir():
        folder = path.parent
    return reading.step(contents) >= reading.step(reading.read(last(folder)))


def _within(folder: Path, root: Path) -> bool:
    return root.resolve() in (folder.resolve(), *folder.resolve().parents)


def _without(option: str, args: list[str]) -> list[str]:
    kept, skip = [], False
    for argument in args:
        if not skip and argument != option and not argument.startswith(option + "="):
            kept.append(argument)
        skip = argument == option and not skip
    return kept

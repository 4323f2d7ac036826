"""Which file `--config NAME` means: one in the current folder, else a packaged one."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml

from lightning_ebm.errors import SettingError

SECTIONS = ("trainer", "model", "pictures", "checkpoint")
"""What holds settings of its own, in the file or in another that it names."""


def packaged() -> dict[str, Path]:
    """The configurations shipped with the library, by file name."""
    try:
        folder = resources.files("lightning_ebm.configs")
    except ModuleNotFoundError:
        # In a checkout, or an editable install of one, configs/ stands beside the package.
        folder = Path(__file__).parents[2] / "configs"
    paths = [Path(str(item)) for item in folder.iterdir() if item.name.endswith(".yaml")]
    return {path.name: path for path in sorted(paths)}


def find(name: str) -> Path:
    """The file that a name given to `--config` means.

    Raises:
        SettingError: if there is none.
    """
    path = Path(name)
    if _exists(path):
        return _readable(path)
    shipped = packaged()
    for candidate in (name, f"{name}.yaml"):
        if candidate in shipped:
            return shipped[candidate]
    raise SettingError(
        f"--config is '{name}', which is neither a file nor a packaged configuration: "
        f"give a path, or one of {', '.join(shipped)}"
    )


def resolve(args: list[str]) -> list[str]:
    """Arguments with the value of every `--config` (or `-c`) replaced by the file it means."""
    resolved = list(args)
    for index, argument in enumerate(args):
        if argument in {"--config", "-c"} and index + 1 < len(args):
            resolved[index + 1] = str(find(args[index + 1]))
        elif argument.startswith("--config="):
            resolved[index] = f"--config={find(argument.removeprefix('--config='))}"
    return resolved


def _exists(path: Path) -> bool:
    try:
        return path.exists() and not (path.is_dir() and path.name in {p[:-5] for p in packaged()})
    except (OSError, ValueError):
        return False


def _readable(path: Path) -> Path:
    try:
        settings = yaml.safe_load(path.read_text())
    except OSError as failure:
        raise SettingError(
            f"--config is '{path}', which cannot be read ({failure.strerror}): give a file of "
            "YAML that you may read"
        ) from failure
    except (UnicodeDecodeError, yaml.YAMLError) as mistake:
        reason = " ".join(str(mistake).replace('in "<unicode string>", ', "at ").split())
        raise SettingError(
            f"--config is '{path}', which is not valid YAML: {reason}: mend the file"
        ) from mistake
    except RecursionError as failure:
        raise SettingError(
            f"--config is '{path}', which is nested too deeply: mend the file"
        ) from failure
    if settings is None:
        raise SettingError(f"--config is '{path}', which is empty: write settings in it")
    if not isinstance(settings, dict):
        raise SettingError(
            f"--config is '{path}', which holds a {type(settings).__name__} and no settings: "
            "write 'key: value' lines, e.g. model: and trainer:"
        )
    for key, value in settings.items():
        if not isinstance(key, str):
            raise SettingError(f"--config is '{path}', where {key} is no setting's name: mend it")
        if key in SECTIONS and not isinstance(value, (dict, str)):
            raise SettingError(
                f"--config is '{path}', where {key} is {value}: write its settings below it, "
                "'key: value' each, or leave it out"
            )
    return path

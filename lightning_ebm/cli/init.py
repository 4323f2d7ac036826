"""`lightning init NAME`: an installable package with a sampler, its entry point and its test."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from lightning_ebm.cli.sentence_parser import SentenceParser
from lightning_ebm.errors import SettingError
from lightning_ebm.registry import can_be_named, names_by_word

PLACES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "sampler.py": "$module.py",
    "test_sampler.py": "tests/test_$module.py",
}
"""Where each template goes."""

READ_BY_OTHERS = ("setup", "conftest")
"""Modules that setuptools and pytest run wherever they find them."""


def init(args: list[str]) -> None:
    """Write the package into a new folder and say how to go on.

    Raises:
        SettingError: if the name cannot be a sampler's or is taken, or the folder cannot be made.
    """
    parser = SentenceParser(
        prog="lightning init",
        description="Write an installable package into a new folder of the given name: a sampler "
        "that works, the entry point that registers it, and a test by the library's kit.",
    )
    parser.add_argument("name", help="of the package and, with _ for -, of the sampler")
    name = parser.parse_args(args).name
    words = _words(name)
    folder = Path(name)
    if folder.exists():
        raise SettingError(f"{folder} exists here: give another name, or remove it")
    _require_free(words)
    try:
        folder.mkdir()
    except OSError as failure:
        raise SettingError(
            f"{folder} cannot be made in {Path.cwd()} ({failure.strerror}): go to a folder that "
            "you may write to"
        ) from failure
    try:
        for template, place in PLACES.items():
            _fill(template, folder / Template(place).substitute(words), words)
    except OSError as failure:
        shutil.rmtree(folder, ignore_errors=True)
        raise SettingError(
            f"{folder} cannot be filled ({failure.strerror}): make room and try again"
        ) from failure
    print(
        f"{folder} is a package with the sampler {words['module']}. Go on by\n"
        f"    pip install -e ./{folder} && lightning samplers && pytest {folder}\n"
        f"    lightning fit --config two_modes.yaml --model.sampler={words['module']}"
    )


def _words(name: str) -> dict[str, str]:
    module = name.replace("-", "_")
    if not (module.isascii() and can_be_named(module)):
        raise SettingError(
            f"'{name}' cannot name a sampler: give letters, digits, - and _ after a letter, "
            "e.g. my-sampler"
        )
    class_name = "".join(part[:1].upper() + part[1:] for part in module.split("_"))
    class_name += "" if class_name.endswith("Sampler") else "Sampler"
    return {"distribution": name, "module": module, "class_name": class_name}


def _require_free(words: dict[str, str]) -> None:
    name, module = words["distribution"], words["module"]
    known = names_by_word()
    for word in (module, words["class_name"]):
        if word in known:
            raise SettingError(
                f"'{name}' cannot name a sampler, since {known[word]} of those that are installed "
                f"is called {word}: give another name"
            )
    if module in READ_BY_OTHERS or find_spec(module) is not None or _is_installed(name):
        raise SettingError(
            f"'{name}' cannot name a sampler, since another package or tool has that name: give "
            "another"
        )


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _fill(template: str, path: Path, words: dict[str, str]) -> None:
    text = files("lightning_ebm").joinpath("templates", "sampler", f"{template}.template")
    path.parent.mkdir(exist_ok=True)
    path.write_text(Template(text.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")

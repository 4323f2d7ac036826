"""`lightning completion SHELL`: a script for TAB, and the candidates that it asks for.

All names are read from metadata and source: a parser of every class would take a minute at each
TAB, and torch a second.
"""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path

from lightning_ebm.cli.arguments import class_at
from lightning_ebm.cli.configurations import packaged, resolve
from lightning_ebm.cli.misspelt import CLASSES, settings_of_group, settings_of_source
from lightning_ebm.cli.sentence_parser import SentenceParser
from lightning_ebm.cli.subcommands import SUBCOMMANDS, TRAINED
from lightning_ebm.errors import SettingError
from lightning_ebm.registry import points, registered_names

SHELLS = ("bash", "zsh", "fish")
LINE = "--line"
"""What the scripts ask by: the line up to the cursor follows."""

ONE_WORD = ("--help", "--help=all", "--print_config")
OPTIONS = (
    "--config",
    "--data",
    "--data.",
    "--seed_everything=",
    "--ckpt_path=",
    "--weights_only=",
    "--overwrite=",
    "--then_test=",
)
OWN_OPTIONS = {
    "fit": (),
    "validate": ("--verbose=",),
    "test": ("--verbose=",),
    "predict": ("--return_predictions=",),
}
"""What all of the subcommands take, and each, but for settings of classes."""

SAMPLER = "--model.sampler"
YES_OR_NO = ("true", "false")


def completion(args: list[str]) -> None:
    """Print a shell's script, or the candidates for a line, one a line.

    Raises:
        SettingError: if there is no script for such a shell.
    """
    if args[:1] == [LINE]:
        print("".join(f"{found}\n" for found in candidates(" ".join(args[1:]))), end="")
        return
    parser = SentenceParser(
        prog="lightning completion",
        description="Print a script that completes subcommands, options, samplers and packaged "
        'configurations. For bash, put eval "$(lightning completion bash)" into ~/.bashrc; for '
        'zsh, eval "$(lightning completion zsh)" into ~/.zshrc after compinit; for fish, '
        "lightning completion fish | source into ~/.config/fish/config.fish.",
    )
    parser.add_argument("shell", choices=SHELLS, help="whose script is wanted")
    given = parser.parse_args(args)
    script = files("lightning_ebm").joinpath("templates", "completion", f"{given.shell}.template")
    print(script.read_text(encoding="utf-8"), end="")


def candidates(line: str) -> list[str]:
    """What the last word of a line, up to the cursor, can go on to be.

    A candidate that ends with `=`, `.` or `/` is not whole.
    """
    try:
        words = shlex.split(line)
    except ValueError:
        # A quote is still open.
        words = line.split()
    if not line or line[-1].isspace():
        words.append("")
    *before, word = words[1:] or [""]
    return sorted({found for found in _all(before, word) if found.startswith(word)})


def _all(before: list[str], word: str) -> list[str]:
    if not before:
        return [*SUBCOMMANDS, "--help", "--version"]
    command, *args = before
    if command == "samplers":
        return registered_names()
    if command == "completion":
        return list(SHELLS)
    if command not in TRAINED:
        return []
    option, equals, value = word.partition("=")
    if equals:
        return [f"{option}={found}" for found in _values(option, value)]
    if not word.startswith("-") and args and args[-1].startswith("-") and "=" not in args[-1]:
        return _values(args[-1], word)
    return [_up_to_dot(found, word) for found in _options(command, args)]


def _values(option: str, value: str) -> list[str]:
    if option in {"--config", "-c"}:
        return [*packaged(), *_paths(value, ".yaml", ".yml")]
    if option == "--ckpt_path":
        return ["last", "best", *_paths(value, ".ckpt")]
    if option in {SAMPLER, f"{SAMPLER}.class_path", f"{SAMPLER}.help"}:
        return registered_names()
    if option in {"--overwrite", "--then_test", "--weights_only", "--verbose"}:
        return list(YES_OR_NO)
    return []


def _options(command: str, args: list[str]) -> list[str]:
    of_classes = [f"--{group}.{key}=" for group in CLASSES for key in settings_of_group(group)]
    of_sampler = [f"{SAMPLER}.init_args.{key}=" for key in _settings_of_sampler([command, *args])]
    return [*ONE_WORD, *OPTIONS, *OWN_OPTIONS[command], *of_classes, *of_sampler]


def _settings_of_sampler(args: list[str]) -> list[str]:
    """The settings of the sampler that the line names, itself or by a configuration."""
    try:
        args = resolve(args)
    except SettingError:
        return []
    found = points(class_at("model.sampler", args) or "")
    if not found:
        return []
    package, *folders = found[0].module.split(".")
    return settings_of_source(package, "/".join(folders) + ".py" if folders else "", found[0].attr)


def _up_to_dot(option: str, word: str) -> str:
    """An option, up to the first dot beyond what is typed: groups before what is in them."""
    dot = option.find(".", len(word))
    return option[: dot + 1] if dot >= 0 and option.startswith(word) else option


def _paths(typed: str, *suffixes: str) -> list[str]:
    """Folders, and files with one of the suffixes, that a path can go on to be."""
    folder, slash, _ = typed.rpartition("/")
    found = []
    try:
        for path in Path(folder + slash or ".").iterdir():
            if path.is_dir() and not path.name.startswith("."):
                found.append(f"{folder}{slash}{path.name}/")
            elif path.suffix in suffixes:
                found.append(f"{folder}{slash}{path.name}")
    except OSError:
        return []
    return found

"""The page of all YAML keys, made from signatures and docstrings when the site is built."""

from __future__ import annotations

import inspect
import re
from argparse import SUPPRESS
from collections.abc import Iterator

import lightning as L
import torch
from docstring_parser import parse
from lightning.pytorch.callbacks import ModelCheckpoint
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import lightning_ebm
from lightning_ebm import data, energies, flows, kernels, starts
from lightning_ebm.callbacks import Pictures
from lightning_ebm.cli.lightning_cli import EBMCLI
from lightning_ebm.evaluation import measures
from lightning_ebm.registry import registered

HEAD = """# Every YAML key

Made from the code when this site is built. A class goes below its key as `class_path`, by its
short name or its full one, and its settings as `init_args`; on the command line a dot goes down a
level: `--model.sampler=mala --model.sampler.init_args.step_size=0.02`.
`lightning fit --print_config` prints what is in force.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to those of the folder."""
    files.append(File.generated(config, "settings.md", content=page()))
    return files


def page() -> str:
    """The page in Markdown."""
    return "\n".join([HEAD, *_top(), *_sections()])


def _top() -> Iterator[str]:
    yield "## Top level\n\n| key | default | meaning |\n| --- | --- | --- |"
    for action in _options():
        if "." not in action.dest and action.dest not in {"help", "config", "print_config"}:
            if action.default == SUPPRESS:
                yield f"| `{action.dest}` | | a section of its own, below |"
            else:
                default = _plain(action.default)
                yield f"| `{action.dest}` | `{default}` | {_cell(action.help)} |"
    yield ""


def _sections() -> Iterator[str]:
    yield from _section("model", "", [lightning_ebm.EBMLightningModule])
    samplers = {entry.name: entry.sampler for entry in registered() if entry.error is None}
    yield from _section("model.sampler", "By short name.", samplers)
    yield from _section("model.energy", "Or any module of torch.", _public(energies))
    yield from _section("model.flow", "Or any of normflows and zuko.", _public(flows, "Flow"))
    yield from _section("Starts of chains", "`start` of a sampler.", _public(starts, "Start"))
    yield from _section("Kernels", "`local` of a sampler.", _public(kernels))
    modules = {n: c for n, c in _public(data).items() if issubclass(c, L.LightningDataModule)}
    yield from _section("data", "Or any LightningDataModule.", modules)
    densities = {n: c for n, c in _public(data).items() if issubclass(c, data.Density)}
    yield from _section("data.density", "Of `KnownDensity`.", densities)
    yield from _section("model.measures", "A list.", _public(measures))
    yield from _section("pictures", "", [Pictures])
    yield from _section("checkpoint", "Of Lightning's ModelCheckpoint.", [ModelCheckpoint])
    yield from _section("trainer", "Of Lightning's Trainer.", [L.Trainer])


def _section(title: str, remark: str, classes: dict[str, type] | list[type]) -> Iterator[str]:
    yield f"## {title}\n\n{remark}\n"
    named = classes if isinstance(classes, dict) else {"": classes[0]}
    for name, found in named.items():
        if name:
            yield f"### `{name}`\n"
        yield from _table(found)


def _table(found: type) -> Iterator[str]:
    text = parse(inspect.getdoc(found) or "")
    own = parse(inspect.getdoc(found.__init__) or "")
    meanings = {one.arg_name.split(" ")[0]: one.description for one in own.params + text.params}
    yield f"{text.short_description or ''}\n"
    parameters = [
        one
        for one in inspect.signature(found.__init__).parameters.values()
        if one.name != "self" and one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}
    ]
    if not parameters:
        yield "No settings.\n"
        return
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    for one in parameters:
        default = "needed" if one.default is one.empty else f"`{_plain(one.default)}`"
        kind = "any" if one.annotation is one.empty else f"`{_kind(one.annotation)}`"
        meaning = _cell(meanings.get(one.name) or "")
        yield f"| `{one.name}` | {_cell(kind)} | {_cell(default)} | {meaning} |"
    yield ""


def _kind(annotation: object) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:[a-z_]+\.)+", "", text).replace("None", "null")


def _plain(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if callable(value):
        made = value([torch.nn.Parameter(torch.zeros(()))])
        return f"{type(made).__name__}, lr {made.defaults['lr']}"
    return str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _public(module: object, base: str = "") -> dict[str, type]:
    wanted = getattr(module, base) if base else object
    names = getattr(module, "__all__", None) or [n for n in vars(module) if n[0].isupper()]
    return {
        name: found
        for name in sorted(names)
        if isinstance(found := getattr(module, name), type)
        and issubclass(found, wanted)
        and not inspect.isabstract(found)
    }


class _Parsed(Exception):
    """The command line's parser is there."""


class _ParserOnly(EBMCLI):
    def _run(self, args: list[str]) -> None:
        try:
            super()._run(args)
        except _Parsed:
            return

    def parse_arguments(self, parser: object, args: list[str]) -> None:
        raise _Parsed


def _options() -> list:
    return _ParserOnly(["fit"])._parser("fit")._actions

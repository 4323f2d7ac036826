"""Runs the code blocks of a page, in their order, in one folder, small."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy
import pytest
import yaml

BLOCK = re.compile(r"^```(\w+)(?: title=\"(.+?)\")?\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)

OUTPUT = "text"
"""What a command prints and what formulas say is no code."""

SHORT_FIT = (
    "--trainer.max_steps=4",
    "--trainer.accelerator=cpu",
    "--trainer.enable_progress_bar=false",
    "--model.flow_pretraining=4",
    "--model.n_samples=16",
    "--model.evaluation_draws=2",
    "--model.log_z_draws=200",
    "--model.search_steps=4",
    "--model.ladder_rounds=4",
    "--model.annealing_steps=2",
)
SHORT_PYTHON = (
    (r"n_trials=\d+", "n_trials=1"),
    (r"flow_pretraining=\d+", "flow_pretraining=4"),
    (r"max_steps=\d+", "max_steps=3, accelerator='cpu'"),
    (r"(?m)^(steps|rounds) = \d+$", r"\1 = 3"),
)

RUN_ELSEWHERE = {
    "pip install .": "tests/test_packaging.py",
    "pip install .[test]": "tests/test_packaging.py",
    "pytest": "the run that this is part of",
    "pytest -n 2": "the run that this is part of",
    "pytest my-sampler": "tests/cli/test_init.py",
    "lightning reproduce motivating": "tests/reproduce/test_reproduce.py",
    "lightning reproduce classes --data-dir data/mnist": "tests/reproduce/test_reproduce.py",
    "docker build -f docker/Dockerfile.cpu -t lightning-ebm:cpu .": "tests/test_docker.py",
    'docker run --rm -v "$PWD:/work" --user "$(id -u)" lightning-ebm:cpu fit --config '
    "two_modes.yaml": "tests/test_docker.py",
    "docker compose -f docker/compose.yaml up": "tests/test_docker.py",
}
"""Commands that a block may have and that another test carries out."""


class Block(NamedTuple):
    """One block: its language, the name of the file that it is, or "", and its text."""

    language: str
    title: str
    text: str


def blocks(text: str) -> list[Block]:
    """All blocks of a page of Markdown, in their order."""
    return [Block(*found) for found in BLOCK.findall(text)]


class Folder:
    """The folder that a page's reader works in."""

    def __init__(self, main: Callable[[list[str]], None], site: Path) -> None:
        self.main = main
        self.site = site
        self.names: dict[str, object] = {"__name__": "page"}
        points = numpy.random.default_rng(0).normal(size=(600, 2)).astype("float32")
        numpy.save("points.npy", points)

    def run(self, block: Block) -> None:
        """Carry out one block; a file is written, and left to the commands that name it."""
        if block.title:
            Path(block.title).write_text(block.text)
        if block.language == "python":
            self._python(block.text)
        elif block.language == "bash":
            self._bash(block.text)
        elif block.language == "yaml":
            self._yaml(block)
        elif block.language == "toml":
            written = next(Path().glob("*/pyproject.toml")).read_text()
            assert block.text in written
        else:
            assert block.language == OUTPUT, f"nobody runs a block of {block.language}"

    def _python(self, text: str) -> None:
        for pattern, short in SHORT_PYTHON:
            text = re.sub(pattern, short, text)
        exec(compile(text, "a block of the page", "exec"), self.names)

    def _yaml(self, block: Block) -> None:
        assert isinstance(yaml.safe_load(block.text), dict)
        if not block.title:
            Path("fragment.yaml").write_text(block.text)
            self._lightning(["fit", "--config=two_modes.yaml", "--config=fragment.yaml"])

    def _bash(self, text: str) -> None:
        joined = re.sub(r"\\\n\s*", " ", text)
        for line in joined.splitlines():
            plain = re.sub(r"(^|\s+)#.*$", "", line).strip()
            for command in filter(None, map(str.strip, plain.split("&&"))):
                self._command(command)

    def _command(self, command: str) -> None:
        words = shlex.split(command)
        if command in RUN_ELSEWHERE or " ".join(words) in RUN_ELSEWHERE:
            return
        if words[0] == "timeout":
            words = words[words.index("lightning") :]
        if words[0] in {"srun", "torchrun"} or any("data/mnist" in word for word in words):
            # Of several machines, or of data that are not here: what it asks for is parsed.
            words = ["lightning", *words[words.index("fit") :], "--print_config"]
        if words[0] == "lightning":
            self._lightning(words[1:])
        elif words[:2] == ["pip", "install"]:
            options = ["--no-deps", "--no-build-isolation", "-q", "--target", str(self.site)]
            self._process([sys.executable, "-m", "pip", "install", *options, words[-1]])
            importlib.invalidate_caches()
        elif words[0] == "tensorboard":
            self._process([sys.executable, "-m", "tensorboard.main", "--inspect", *words[1:]])
        else:
            assert words[0] in {"ls", "cat", "python"}, f"nobody runs {command!r}"
            words[0] = sys.executable if words[0] == "python" else words[0]
            self._process(words)

    def _lightning(self, args: list[str]) -> None:
        args = [*args, *SHORT_FIT] if args[0] == "fit" else args
        if "--print_config" not in args:
            self.main(args)
            return
        with pytest.raises(SystemExit, match="0"):
            self.main(args)

    def _process(self, words: list[str]) -> None:
        outcome = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        assert outcome.returncode == 0, (words, outcome.stderr[-2000:])

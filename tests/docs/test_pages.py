"""Every code block of README and of the documentation is run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from page import Block, Folder, blocks

from lightning_ebm import registry
from lightning_ebm.cli import main

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "examples" / "notebooks"
SLOW = {
    "choosing.md",
    "clusters.md",
    "out-of-distribution.md",
    "own-data.md",
    "own-model.md",
    "own-sampler.md",
}
"""Pages whose blocks take long, and whose kinds other tests run at every time."""

NEEDED = {"sweeps.md": "optuna"}
"""Packages of the extra `docs` that a page's blocks import."""

PAGES = {
    path.relative_to(ROOT / "docs" if path.name != "README.md" else ROOT).as_posix(): path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in PAGES]
)
def test_every_block_of_a_page_runs(name, tmp_path, monkeypatch):
    if name in NEEDED:
        pytest.importorskip(NEEDED[name], reason=f"{NEEDED[name]} is of the extra docs")
    found = blocks(PAGES[name].read_text())
    assert PAGES[name].read_text().count("```") == 2 * len(found), "a block without a language"
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(registry, "_named", dict(registry._named))
    reader = Folder(main, tmp_path / "site")
    try:
        for block in found:
            reader.run(block)
    finally:
        forget_modules(tmp_path)


def forget_modules(folder: Path) -> None:
    """Leave to the next page no module of this one's folder."""
    for name, module in list(sys.modules.items()):
        if folder in Path(getattr(module, "__file__", None) or "/").parents:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("```bash\nlightning fit --config=gone.yaml\n```\n", SystemExit, "2"),
        ("```bash\nrm -r everything\n```\n", AssertionError, "nobody runs 'rm -r everything'"),
        ("```ruby\nputs 1\n```\n", AssertionError, "nobody runs a block of ruby"),
        ("```python\nassert 1 == 2\n```\n", AssertionError, ""),
    ],
)
def test_a_block_that_does_not_run_is_noticed(text, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = blocks(text)
    with pytest.raises(error, match=words):
        Folder(main, tmp_path / "site").run(block)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_cell_of_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reader = Folder(main, tmp_path / "site")
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            reader.run(Block("python", "", "".join(cell["source"])))

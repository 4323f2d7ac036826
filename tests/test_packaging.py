"""A wheel built from the sources works in a folder far from them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


SOURCES = [
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "MANIFEST.in",
    "setup.cfg",
    "pyproject.toml",
    "mkdocs.yml",
    ".dockerignore",
    ".github",
    ".pre-commit-config.yaml",
    "benchmarks",
    "configs",
    "docker",
    "docs",
    "examples",
    "lightning_ebm",
    "sampler_plugins",
    "tests",
]


@pytest.fixture(scope="module")
def source_distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from a copy and unpacked."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "copy").mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "copy" / name, ignore=_left_out)
        else:
            shutil.copy(ROOT / name, folder / "copy" / name)
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    _run("-c", code, cwd=folder / "copy")
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("lightning_ebm-*/"))


@pytest.fixture(scope="module")
def wheel(source_distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "-q", "-w", folder]
    _run("-m", "pip", "wheel", *options, source_distribution)
    return next(folder.glob("*.whl"))


def _run(*command: object, cwd: Path | None = None) -> None:
    outcome = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]


def _left_out(folder: str, names: list[str]) -> list[str]:
    """Caches, and the link by which an editable install finds the configurations."""
    return [n for n in names if n == "__pycache__" or (Path(folder) / n).is_symlink()]


def test_the_source_distribution_holds_all_sources(source_distribution):
    for name in SOURCES:
        for path in [ROOT / name, *(ROOT / name).rglob("*")]:
            links = any(part.is_symlink() for part in (path, *path.parents))
            if path.is_file() and path.suffix != ".pyc" and not links:
                assert (source_distribution / path.relative_to(ROOT)).is_file(), path


def test_the_wheel_holds_both_packages_and_the_configurations(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in (ROOT / "configs").glob("*.yaml"):
        assert f"lightning_ebm/configs/{name.name}" in names
    for source in [*ROOT.glob("lightning_ebm/**/*.py"), *ROOT.glob("sampler_plugins/*.py")]:
        assert str(source.relative_to(ROOT)) in names
    for package in ("lightning_ebm", "sampler_plugins"):
        assert f"{package}/py.typed" in names
    for template in ROOT.glob("lightning_ebm/templates/**/*.template"):
        assert str(template.relative_to(ROOT)) in names
    assert not any(name.startswith(("tests/", "configs/")) for name in names)


def test_the_wheel_works_far_from_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import lightning_ebm; assert lightning_ebm.__file__.startswith(sys.path[0])\n"
        "from lightning_ebm.cli import main\n"
        "from lightning_ebm.cli.configurations import packaged\n"
        "assert all(str(path).startswith(sys.path[0]) for path in packaged().values())\n"
        "main(['fit', '--config', 'two_modes', '--trainer.fast_dev_run=true',\n"
        "      '--model.flow_pretraining=1'])\n"
        "ours = [m for n, m in sys.modules.items()\n"
        "        if n.split('.')[0] in ('lightning_ebm', 'sampler_plugins')]\n"
        "assert all(m.__file__.startswith(sys.path[0]) for m in ours if m.__file__)\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]

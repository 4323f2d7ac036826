"""A wheel built from the sources works in a folder far from them."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    sources = folder / "sources"
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            (sources / name).write_bytes((ROOT / name).read_bytes())
    outcome = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "-q",
            "-w",
            str(folder),
            str(sources),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_both_packages_and_the_configurations(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in (ROOT / "configs").glob("*.yaml"):
        assert f"lightning_ebm/configs/{name.name}" in names
    for source in [*ROOT.glob("lightning_ebm/**/*.py"), *ROOT.glob("sampler_plugins/*.py")]:
        assert str(source.relative_to(ROOT)) in names
    assert "lightning_ebm/py.typed" in names
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

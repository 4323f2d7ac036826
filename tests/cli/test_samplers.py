"""`lightning samplers`: the list, the settings of one, and broken plug-ins with their errors."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_ebm.constructor_settings import settings_of
from lightning_ebm.registry import find

COMMAND = Path(sys.executable).with_name("lightning")
RIGHT = """
import lightning_ebm

class Sampler(lightning_ebm.Sampler):
    '''Noise, and no more.'''

    def sample(self, problem, n):
        return lightning_ebm.Draw(problem.reference.sample(n)[0], {})
"""


def install(folder: Path, distribution: str, name: str, code: str) -> None:
    """Lay out an installed distribution that registers one sampler."""
    module = distribution.replace("-", "_")
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        f"[lightning_ebm.samplers]\n{name} = {module}:Sampler\n"
    )


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(COMMAND), *args],
        cwd=folder.parent,
        env=os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_built_in_samplers_have_a_line_each(inside):
    lines = [line for line in inside("samplers").splitlines() if "lightning-ebm " in line]
    named = [line.split()[0] for line in lines]
    assert named == ["coopflow", "flow_mcmc", "flow_tempering", "hmc", "mala", "nt_ebm", "ula"]
    for name, line in zip(named, lines, strict=True):
        purpose = find(name).__doc__.splitlines()[0]
        assert line.split(maxsplit=1)[1].strip() == f"lightning-ebm 0.1.0  {purpose}"


@pytest.mark.parametrize("name", ["coopflow", "flow_mcmc", "flow_tempering", "hmc", "mala", "ula"])
def test_the_page_of_a_sampler_has_every_setting_with_its_meaning(name, inside):
    printed = inside("samplers", name)
    for parameter in list(inspect.signature(find(name)).parameters.values()):
        row = rf"^{parameter.name} +\S.* {re.escape(repr(parameter.default))} +\w.+"
        assert re.search(row, printed, re.MULTILINE), parameter.name
    assert f"--model.sampler={name}" in printed


def test_what_a_page_says(inside):
    printed = inside("samplers", "flow_mcmc")
    assert re.search(r"^n_global +int +1 +global moves per round$", printed, re.MULTILINE)
    assert re.search(r"^start +Start \| None +None +where chains begin; by", printed, re.MULTILINE)
    assert "exact; needs a flow, trains it" in printed
    assert "biased by design; no flow" in inside("samplers", "ula")


def test_settings_that_are_handed_on_are_found_where_they_go():
    class Base:
        """Base.

        Args:
            size: of it. Nothing more.
        """

        def __init__(self, size: int, rate: float = 0.5) -> None:
            pass

    class Open(Base):
        """Open.

        Args:
            own: its own.
        """

        def __init__(self, own: str = "a", *, size: int = 3, **kwargs: object) -> None:
            super().__init__(size, **kwargs)

    found = {s.name: (s.type, s.default, s.meaning) for s in settings_of(Open)}
    assert found == {
        "own": ("str", "'a'", "its own"),
        "size": ("int", "3", "of it"),
        "rate": ("float", "0.5", ""),
    }
    assert settings_of(Base)[0].default == "required"


def test_an_unknown_sampler_is_refused_with_those_there_are(inside, capfd):
    with pytest.raises(SystemExit) as stop:
        inside("samplers", "flow_mcm")
    assert stop.value.code == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "no sampler is called 'flow_mcm' (did you mean 'flow_mcmc'?)" in said
    assert all(name in said for name in ("coopflow", "nt_ebm", "ula"))


def test_plug_ins_are_listed_and_one_that_is_broken_with_its_fault(tmp_path):
    site = tmp_path / "site"
    install(site, "broken-samplers", "fast", "raise ValueError('one\\ntwo')\n")
    install(site, "right-samplers", "right", RIGHT)
    listed = run(site, "samplers").stdout.splitlines()
    assert len(listed) == 9
    (broken,) = [line for line in listed if line.startswith("fast ")]
    assert "broken-samplers 1.2" in broken
    assert "cannot be used: broken_samplers:Sampler of broken-samplers 1.2: " in broken
    assert broken.endswith("ValueError: one two")
    (right,) = [line for line in listed if line.startswith("right ")]
    assert right.endswith("right-samplers 1.2   Noise, and no more.")
    page = run(site, "samplers", "fast")
    assert page.returncode == 2
    assert page.stderr.startswith("error: sampler 'fast' cannot be used: ")


def test_a_broken_plug_in_breaks_nothing_else(tmp_path):
    site = tmp_path / "site"
    install(site, "broken-samplers", "fast", "import a_package_that_is_missing\n")
    fit = run(
        site,
        "fit",
        "--config",
        "two_modes.yaml",
        "--trainer.fast_dev_run=true",
        "--model.flow_pretraining=1",
    )
    assert fit.returncode == 0, fit.stderr[-2000:]
    used = run(site, "fit", "--config", "two_modes.yaml", "--model.sampler=fast")
    assert used.returncode == 2
    assert "sampler 'fast' cannot be used" in used.stderr
    assert "a_package_that_is_missing" in used.stderr


def test_a_name_taken_twice_is_an_error_that_names_both(tmp_path):
    site = tmp_path / "site"
    code = "from sampler_plugins.ula import ULASampler as Sampler\n"
    install(site, "other-samplers", "ula", code)
    used = run(site, "fit", "--config", "two_modes.yaml", "--model.sampler=ula")
    assert used.returncode == 2
    assert "lightning-ebm 0.1.0 and by other-samplers 1.2" in used.stderr
    unused = run(
        site,
        "fit",
        "--config",
        "two_modes.yaml",
        "--trainer.fast_dev_run=true",
        "--model.flow_pretraining=1",
    )
    assert unused.returncode == 0, unused.stderr[-2000:]

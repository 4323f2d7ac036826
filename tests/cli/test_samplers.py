"""`lightning samplers` lists what is registered, broken plug-ins with their errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("lightning")


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


def test_built_in_samplers_are_listed_with_their_properties(lightning):
    listed = lightning("samplers").stdout
    for name in ("ula", "mala", "hmc", "flow_mcmc", "flow_tempering", "coopflow", "nt_ebm"):
        assert f"{name}\n    sampler_plugins.{name}:" in listed
    assert listed.count("(lightning-ebm 0.1.0)") == 7
    flow_mcmc = listed.split("\n\n")[1]
    assert "exact; needs a flow, trains it" in flow_mcmc
    assert listed.count("biased by design") == 2


def test_a_broken_plugin_is_listed_and_breaks_nothing_else(tmp_path):
    site = tmp_path / "site"
    install(site, "broken-samplers", "fast", "import a_package_that_is_missing\n")
    listed = run(site, "samplers").stdout
    assert "fast\n    broken_samplers:Sampler   (broken-samplers 1.2)" in listed
    assert "cannot be used: broken_samplers:Sampler of broken-samplers 1.2: ModuleNotFou" in listed
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

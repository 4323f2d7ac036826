"""README's examples do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()
COMMAND = Path(sys.executable).with_name("lightning")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_script_runs(tmp_path):
    script = next(block for block in blocks("python") if "import lightning as L" in block)
    assert len(script.strip().splitlines()) <= 15
    quick = script.replace("max_steps=1500", "max_steps=3, accelerator='cpu'")
    outcome = subprocess.run(
        [sys.executable, "-c", quick],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]


def test_the_sampler_of_ones_own_is_complete_and_short(tmp_path):
    code = next(block for block in blocks("python") if "class MixedSampler" in block)
    settings = blocks("ini")[0]
    assert len((code + settings).strip().splitlines()) < 40
    # An installed distribution, as pip would lay it out.
    site = tmp_path / "site"
    site.mkdir()
    (site / "my_samplers.py").write_text(code)
    info = site / "my_samplers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-samplers\nVersion: 1.0\n")
    entry_points = settings.split("[options.entry_points]\n")[1]
    group, _, points = entry_points.partition(" =\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{points.strip()}\n")
    outcome = subprocess.run(
        [
            sys.executable,
            str(COMMAND),
            "fit",
            "--config",
            "two_modes.yaml",
            "--model.sampler=mixed",
            "--model.sampler.init_args.size=600",
            "--trainer.fast_dev_run=true",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]


def test_the_table_of_samplers_is_the_registry():
    from lightning_ebm.registry import registered

    named = set(re.findall(r"`(\w+)`", README.split("| sampler |")[1].split("\n\n")[0]))
    built_in = {e.name for e in registered() if e.distribution.startswith("lightning-ebm ")}
    assert named == built_in

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


def test_the_sampler_of_ones_own_is_what_init_writes(inside, tmp_path):
    inside("init", "my-sampler")
    package = tmp_path / "my-sampler"
    assert (package / "my_sampler.py").read_text() in blocks("python")
    test = (package / "tests/test_my_sampler.py").read_text()
    assert test.split("\n\n", 1)[1] in blocks("python")
    assert blocks("toml")[0] in (package / "pyproject.toml").read_text()


def test_the_table_of_samplers_is_the_registry():
    from lightning_ebm.registry import registered

    named = set(re.findall(r"`(\w+)`", README.split("| sampler |")[1].split("\n\n")[0]))
    built_in = {e.name for e in registered() if e.distribution.startswith("lightning-ebm ")}
    assert named == built_in

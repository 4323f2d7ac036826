"""README's examples do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

from lightning_ebm.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text()
COMMAND = Path(sys.executable).with_name("lightning")
QUICK = ["--trainer.accelerator=cpu", "--model.flow_pretraining=2", "--model.n_samples=16"]


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


def block_with(line: str) -> str:
    return next(block for block in blocks("python") if line in block)


def test_a_density_takes_five_lines(tmp_path):
    """On a checkpoint with all its settings in it, as the command writes it."""
    code = block_with("estimate_log_z")
    assert len([line for line in code.splitlines() if line.strip()]) == 5
    fit = ["fit", "--config", "two_modes.yaml", "--trainer.max_steps=2", *QUICK]
    main([*fit, f"--trainer.default_root_dir={tmp_path}"])
    path = tmp_path / "lightning_logs/version_0/checkpoints/last.ckpt"
    code = code.replace("lightning_logs/version_0/checkpoints/last.ckpt", str(path))
    code = code.replace("model.estimate_log_z()", "model.estimate_log_z(search_steps=5)")
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        # After two steps the estimate is not trusted, and log_prob says so.
        warnings.simplefilter("ignore")
        exec(code, names)
    assert names["x"].shape == names["score"].shape == (1000, 2)
    assert names["log_p"].shape == (1000,)


def test_a_sampler_alone_takes_five_lines(capsys):
    code = block_with("lightning_ebm.sample(")
    assert len([line for line in code.splitlines() if line.strip()]) == 5
    names: dict[str, object] = {}
    exec(code.replace("n_draws=500", "n_draws=50"), names)
    assert names["result"].x.shape == (50, 64, 2)
    assert "ess_bulk" in capsys.readouterr().out


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

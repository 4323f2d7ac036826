"""The example plug-in builds, installs beside the library, passes its test and trains by name.

The package that `lightning init` writes does so at every run (tests/cli/test_init.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "sampler_plugin"
COMMAND = Path(sys.executable).with_name("lightning")


@pytest.mark.slow
def test_the_example_is_a_distribution_that_works(tmp_path):
    sources = shutil.copytree(EXAMPLE, tmp_path / "sources")
    site = tmp_path / "site"
    environment = os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}

    def run(*command: object) -> str:
        outcome = subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=sources,
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert outcome.returncode == 0, (outcome.stdout + outcome.stderr)[-3000:]
        return outcome.stdout

    install = ["-m", "pip", "install", "--no-deps", "--no-build-isolation", "-q"]
    run(*install, "--target", site, sources)
    assert "passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    listed = run(COMMAND, "samplers").splitlines()
    assert any(
        line.split()[:3] == ["replica_exchange", "replica-exchange-sampler", "1.0"]
        for line in listed
    )
    run(
        COMMAND,
        "fit",
        "--config",
        "two_modes.yaml",
        "--model.sampler=replica_exchange",
        "--model.sampler.n_rounds=1",
        "--trainer.max_steps=5",
        "--data.train_size=1024",
    )
    assert (sources / "lightning_logs/version_0/checkpoints/last.ckpt").is_file()

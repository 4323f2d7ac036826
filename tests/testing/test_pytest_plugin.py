"""The kit within pytest: by fixture, and by name of a registered sampler."""

import os
import subprocess
import sys

from lightning_ebm.testing.kit import CHECKS


def run(folder, *args):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_registered_sampler_is_one_item_per_check(tmp_path):
    outcome = run(tmp_path, "--sampler", "ula", "-v")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert f"{len(CHECKS)} passed" in outcome.stdout
    assert "non-finite rejected" in outcome.stdout


def test_the_fixture_is_there(tmp_path, check_sampler):
    assert check_sampler.__module__ == "lightning_ebm.testing.kit"

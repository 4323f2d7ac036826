"""The package is typed strictly, and what users write with it is checked by its types."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "tests" / "typed"

# Releases of torch differ in what they declare, and the package is written for those of now.
pytestmark = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13),
    reason="this torch declares other types",
)


@pytest.fixture(scope="module")
def errors() -> list[str]:
    """What mypy says, of the package and of users' scripts in one run, by `file:line: ...`."""
    outcome = subprocess.run(
        [
            *(sys.executable, "-m", "mypy"),
            *("lightning_ebm", "sampler_plugins", SCRIPTS / "right.py", SCRIPTS / "wrong.py"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert not outcome.stderr
    return [line for line in outcome.stdout.splitlines() if ": error: " in line]


def test_nothing_is_amiss_in_the_package_and_in_what_users_write(errors):
    assert [error for error in errors if not error.startswith("tests/typed/wrong.py:")] == []


def test_mistakes_of_users_are_found(errors):
    lines = (SCRIPTS / "wrong.py").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, start=1) if line.endswith("# wrong")}
    assert {int(re.match(r"[^:]*wrong.py:(\d+):", error)[1]) for error in errors} == wrong

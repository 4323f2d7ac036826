"""What a command does not need it does not import: asserted by modules, since times are flaky."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARIES = {
    "arviz_stats",
    "datasets",
    "jsonargparse",
    "lightning",
    "matplotlib",
    "normflows",
    "pandas",
    "pyarrow",
    "pytorch_lightning",
    "scipy",
    "sklearn",
    "sympy",
    "tensorboard",
    "torchmetrics",
    "zuko",
}
TORCH = LIBRARIES | {"torch", "numpy"}
COMMAND = "from lightning_ebm.cli import main\nmain({})"
BAD_KEY = ["fit", "--config", "two_modes.yaml", "--model.base=foo"]


def imported(code: str, folder: Path, path: Path | None = None) -> list[str]:
    """The modules that were imported when a piece of code has ended, however it did."""
    report = (
        "import sys\ntry:\n    exec(sys.argv.pop())\nexcept SystemExit:\n    pass\n"
        "print('MODULES', *sorted(sys.modules))\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", report, code],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(path or "")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    return outcome.stdout.rpartition("MODULES ")[2].split()


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import lightning_ebm", TORCH),
        (COMMAND.format(["--version"]), TORCH),
        (COMMAND.format(["--help"]), TORCH),
        (COMMAND.format(["fit", "--help"]), TORCH),
        (COMMAND.format(["samplers"]), TORCH),
        (COMMAND.format(["samplers", "nobody"]), TORCH),
        (COMMAND.format(["fitt"]), TORCH),
        (COMMAND.format(["fit", "--config=two_modes.yaml", "--trainer.max_stepz=3"]), TORCH),
        (COMMAND.format([]), TORCH),
        (COMMAND.format(["samplers", "flow_mcmc"]), LIBRARIES),
        ("from lightning_ebm import MCMC, MLP, Kernel, Problem, Start", LIBRARIES),
        ("from lightning_ebm.registry import registered; registered()", LIBRARIES),
    ],
)
def test_what_is_not_needed_is_not_imported(code, unwanted, tmp_path):
    found = {module.partition(".")[0] for module in imported(code, tmp_path)}
    assert "lightning_ebm" in found
    assert not found & unwanted


def test_beyond_lightning_a_parsed_command_imports_nothing_of_what_only_evaluation_uses(tmp_path):
    lightning = imported("import lightning", tmp_path)
    ours = imported(COMMAND.format(BAD_KEY), tmp_path)
    assert "lightning_ebm.module.module" in ours
    added = {module.partition(".")[0] for module in set(ours) - set(lightning)}
    assert not added & (LIBRARIES - {"jsonargparse", "lightning", "normflows", "torchmetrics"})


def test_every_public_name_is_to_be_had_and_is_listed():
    import lightning_ebm

    for name in lightning_ebm.__all__:
        assert getattr(lightning_ebm, name).__name__ == name
    assert set(lightning_ebm.__all__) <= set(dir(lightning_ebm))
    assert lightning_ebm.kernels.HMC.__module__ == "lightning_ebm.kernels.hmc"
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = lightning_ebm.Nothing

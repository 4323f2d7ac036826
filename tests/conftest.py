"""What all tests share: one thread, and small models on small data."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

# Before torch is imported, here and by every process that a test starts: two workers on two cores
# whose processes take two threads each spend most of their time waiting for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightning as L
import pytest
import torch

from lightning_ebm import MLP, EBMLightningModule, RealNVP, Sampler
from lightning_ebm.cli import main
from lightning_ebm.data import KnownDensity, TwoModes
from lightning_ebm.registry import find

torch.set_num_threads(1)

# Lightning logs to what standard error was when it was imported, which is pytest's capture of
# that moment: to the file descriptor instead, which every test may capture for itself.
for logger in ("lightning.pytorch", "lightning.fabric"):
    for handler in logging.getLogger(logger).handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(open(2, "w", buffering=1, closefd=False))  # noqa: SIM115

COMMAND = Path(sys.executable).with_name("lightning")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the cases of a test marked `thinned(k)` every k-th is in each run; others are slow."""
    seen: Counter[str] = Counter()
    for item in items:
        mark = item.get_closest_marker("thinned")
        if mark is None:
            continue
        test = item.nodeid.partition("[")[0]
        if seen[test] % mark.args[0] > 0:
            item.add_marker(pytest.mark.slow)
        seen[test] += 1


@pytest.fixture
def small_data() -> Callable[[], KnownDensity]:
    """Make two modes, ten batches an epoch."""
    return lambda: KnownDensity(TwoModes(), train_size=320, test_size=64, batch_size=32)


@pytest.fixture
def small_module() -> Callable[..., EBMLightningModule]:
    """Make a small module; keyword arguments replace its settings."""

    def make(sampler: str | Sampler = "flow_mcmc", **settings: object) -> EBMLightningModule:
        torch.manual_seed(0)
        settings = {
            "energy": MLP([2], hidden=[16, 16]),
            "flow": RealNVP([2], n_layers=2, hidden=8),
            "sampler": find(sampler)() if isinstance(sampler, str) else sampler,
            "flow_pretraining": 3,
            "n_samples": 16,
            "evaluation_draws": 2,
            "log_z_draws": 64,
            "annealing_steps": 1,
            "ladder_rounds": 8,
        } | settings
        return EBMLightningModule(**settings)

    return make


@pytest.fixture
def small_trainer(tmp_path: Path) -> Callable[..., L.Trainer]:
    """Make a quiet trainer on the CPU; keyword arguments replace its settings."""

    def make(**settings: object) -> L.Trainer:
        settings = {
            "accelerator": "cpu",
            "max_steps": 5,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "limit_val_batches": 0,
            "default_root_dir": tmp_path,
        } | settings
        L.seed_everything(1, verbose=False)
        return L.Trainer(**settings)

    return make


@pytest.fixture
def lightning(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the installed command in an empty folder far from the checkout."""

    def run(*args: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMMAND), *map(str, args)],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run the command within this process, in an empty folder; return all that it printed.

    It spares the seconds of a start that tests of the command itself pay.
    """
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> str:
        main([str(argument) for argument in args])
        captured = capfd.readouterr()
        return captured.out + captured.err

    return run

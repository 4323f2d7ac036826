"""Two real processes are measured as one, and their chains go on in one process, or in two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = """
import copy
import sys
import lightning as L
import torch
from lightning_ebm import MLP, EBMLightningModule, RealNVP
from lightning_ebm.data import KnownDensity, TwoModes
from lightning_ebm.evaluation.measures import Measure, default_measures
from lightning_ebm.registry import find

torch.set_num_threads(1)
folder, sampler, devices, steps, checkpoint = sys.argv[1:]
devices, seen = int(devices), []


class Seen(Measure):
    def __call__(self, evidence):
        seen.append({
            "draws": tuple(evidence.settled.shape), "data": len(evidence.data),
            "during_fit": evidence.during_fit, "distinct": len(evidence.draws[-1].unique(dim=0)),
            "columns": 0 if evidence.climbed is None else evidence.climbed.ages.shape[1],
        })
        evidence.remarks.append(f"a remark of {torch.rand(())}")
        return {"seen": torch.rand(())}


L.seed_everything(3)
module = EBMLightningModule(
    energy=MLP([2], hidden=[16]), flow=RealNVP([2], n_layers=2, hidden=8),
    sampler=find(sampler)(), flow_pretraining=2, n_samples=17, evaluation_draws=4,
    log_z_draws=64, ladder_rounds=8, search_steps=0, measures=[Seen(), *default_measures()],
)
trainer = L.Trainer(
    max_steps=int(steps), accelerator="cpu", devices=devices,
    strategy="ddp" if devices > 1 else "auto", logger=False, enable_checkpointing=False,
    enable_progress_bar=False, num_sanity_val_steps=0, check_val_every_n_epoch=None,
    val_check_interval=2,
)
data = KnownDensity(TwoModes(), train_size=320, test_size=64, batch_size=32)
trainer.fit(module, datamodule=data, ckpt_path=None if checkpoint == "none" else checkpoint)
name = f"{folder}/{sampler}_{devices}_{trainer.global_rank}"
banks = [getattr(part, "bank", None) for part in module.sampler.modules()]
(bank,) = [bank for bank in banks if bank is not None]
chains = len(bank["x"] if isinstance(bank, dict) else bank)
trainer.save_checkpoint(f"{folder}/{sampler}_{devices}.ckpt")
before = copy.deepcopy(module.sampler.state_dict())
figures = {k: float(v) for k, v in trainer.test(module, data, verbose=False)[0].items()}
kept = {"seen": seen, "remarks": module.remarks, "figures": figures, "chains": chains,
        "undisturbed": str(before) == str(module.sampler.state_dict())}
torch.save(kept, name + ".pt")
"""


def run(folder: Path, *arguments: object) -> tuple[list[dict], str]:
    """What each process saw, and what was printed."""
    sampler, devices = arguments[0], arguments[1]
    script = folder / "train.py"
    script.write_text(SCRIPT)
    outcome = subprocess.run(
        [sys.executable, str(script), str(folder), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    seen = [torch.load(folder / f"{sampler}_{devices}_{rank}.pt") for rank in range(devices)]
    return seen, outcome.stderr


@pytest.mark.thinned(2)
@pytest.mark.parametrize("sampler", ["flow_mcmc", "flow_tempering"])
def test_two_processes_are_measured_as_one_and_go_on_in_one(sampler, tmp_path):
    (first, second), _ = run(tmp_path, sampler, 2, 4, "none")
    # Chains of 32 in each process; of 17 fresh ones 9 in each.
    assert [s["draws"][1] for s in first["seen"]] == [64, 64, 18]
    assert [s["distinct"] for s in first["seen"]] == [64, 64, 18]
    assert [s["data"] for s in first["seen"]] == [64, 64, 64]
    if sampler == "flow_tempering":
        assert [s["columns"] for s in first["seen"]] == [64, 64, 18]
    assert first["seen"] == second["seen"]
    assert first["remarks"] == second["remarks"]
    assert str(first["figures"]) == str(second["figures"])
    assert first["figures"]["log_z/trusted"] in {0.0, 1.0}
    assert first["undisturbed"]
    assert second["undisturbed"]

    (one,), printed = run(tmp_path, sampler, 1, 5, tmp_path / f"{sampler}_2.ckpt")
    assert one["chains"] == 64
    assert printed.count("chains are of 2 processes, and are dealt out to 1") == 1
    assert one["seen"][-1]["draws"][1] == 17


@pytest.mark.slow
def test_chains_of_one_process_go_on_in_two_and_rank_0_says_so(tmp_path):
    run(tmp_path, "mala", 1, 2, "none")
    found, printed = run(tmp_path, "mala", 2, 4, tmp_path / "mala_1.ckpt")
    assert [process["chains"] for process in found] == [32, 32]
    assert printed.count("chains are of 1 process, and are dealt out to 2") == 1
    assert all(s["distinct"] == s["draws"][1] for s in found[0]["seen"])

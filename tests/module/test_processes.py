"""Two real processes: gradients are averaged, weights stay equal, chains differ, each resumes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = """
import sys
import lightning as L
import torch
from lightning_ebm import MLP, EBMLightningModule, RealNVP
from lightning_ebm.data import KnownDensity, TwoModes
from lightning_ebm.registry import find

torch.set_num_threads(1)
folder, epochs, checkpoint = sys.argv[1], int(sys.argv[2]), sys.argv[3]
stop, loader = int(sys.argv[5]), sys.argv[6]
L.seed_everything(3)
if checkpoint != "none":
    torch.manual_seed(4)
module = EBMLightningModule(
    energy=MLP([2], hidden=[16]), flow=RealNVP([2], n_layers=2, hidden=8),
    sampler=find(sys.argv[4])(), flow_pretraining=2, flow_updates=2,
    gradient_penalty=0.1, settle_from=6,
    energy_optimizer=lambda p: torch.optim.SGD(p, lr=0.1),
)


class Gradients(L.Callback):
    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.latest = [p.grad.clone() for p in pl_module.energy.parameters()]


class Stop(L.Callback):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.current_epoch * trainer.num_training_batches + batch_idx + 1 == stop:
            trainer.save_checkpoint(f"{folder}/stopped.ckpt")


gradients = Gradients()
trainer = L.Trainer(
    max_epochs=epochs, accelerator="cpu", devices=2, strategy="ddp", logger=False,
    enable_checkpointing=False, enable_progress_bar=False, limit_val_batches=0,
    callbacks=[gradients, Stop()], accumulate_grad_batches=2 if stop else 1,
)
data = KnownDensity(TwoModes(), train_size=320, batch_size=32)
if loader == "workers":
    data.setup()
    points = data.train_dataloader().dataset.tensors
    data = torch.utils.data.DataLoader(
        points, batch_size=32, shuffle=True, num_workers=1, persistent_workers=True
    )
trainer.fit(module, data, ckpt_path=checkpoint if checkpoint != "none" else None)
banks = [getattr(part, "bank", None) for part in module.sampler.modules()]
(bank,) = [bank for bank in banks if bank is not None]
bank = bank["x"].flatten(0, 1) if isinstance(bank, dict) else bank
state = {
    "weights": {k: v for k, v in module.state_dict().items() if torch.is_tensor(v)},
    "chains": bank,
    "gradients": gradients.latest,
}
torch.save(state, f"{folder}/epochs{epochs}_rank{trainer.global_rank}.pt")
trainer.save_checkpoint(f"{folder}/epochs{epochs}.ckpt")
"""


def run(script: Path, *arguments: object) -> None:
    outcome = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]


def load(folder: Path, epochs: int) -> list[dict]:
    return [torch.load(folder / f"epochs{epochs}_rank{rank}.pt") for rank in (0, 1)]


@pytest.mark.thinned(2)
@pytest.mark.parametrize("sampler", ["flow_mcmc", "flow_tempering"])
def test_two_processes_train_one_model_with_their_own_chains_and_resume(sampler, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    run(script, tmp_path, 4, "none", sampler, 0, "plain")
    first, second = load(tmp_path, 4)
    for key, value in first["weights"].items():
        assert torch.equal(value, second["weights"][key]), key
    for mine, other in zip(first["gradients"], second["gradients"], strict=True):
        assert torch.equal(mine, other)
    assert not torch.isin(first["chains"][:, 0], second["chains"][:, 0]).any()

    (tmp_path / "stopped").mkdir()
    ended = tmp_path / "stopped" / "epochs2.ckpt"
    run(script, tmp_path / "stopped", 2, "none", sampler, 0, "plain")
    run(script, tmp_path / "stopped", 4, ended, sampler, 0, "plain")
    assert_same(load(tmp_path, 4), load(tmp_path / "stopped", 4))


@pytest.mark.slow
@pytest.mark.parametrize("loader", ["plain", "workers"])
def test_two_processes_resume_in_the_middle_of_an_epoch_and_of_accumulation(loader, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    run(script, tmp_path, 3, "none", "flow_mcmc", 8, loader)
    straight = load(tmp_path, 3)
    run(script, tmp_path, 3, tmp_path / "stopped.ckpt", "flow_mcmc", 8, loader)
    assert_same(straight, load(tmp_path, 3))


def assert_same(first: list[dict], second: list[dict]) -> None:
    for straight, resumed in zip(first, second, strict=True):
        assert torch.equal(straight["chains"], resumed["chains"])
        for key, value in straight["weights"].items():
            assert torch.equal(value, resumed["weights"][key]), key

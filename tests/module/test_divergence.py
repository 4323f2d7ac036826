"""Nothing that is not finite is kept: a run stops with a good state saved, or goes back to one."""

from __future__ import annotations

import math
import re
from pathlib import Path

import lightning as L
import pytest
import torch
from torch import nn

from lightning_ebm.errors import DivergenceError, NotFiniteError
from lightning_ebm.finite import require_finite
from lightning_ebm.module.recovery import EVERY, SLOWER


class NaNGradients(nn.Module):
    """An energy with finite values, whose gradients are NaN from one evaluation on."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 1)
        self.at = at
        self.steps = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = self.inner(x).squeeze(1)
        if self.training and torch.is_grad_enabled() and self.inner.weight.requires_grad:
            self.steps += 1
            if self.steps == self.at:
                values.register_hook(lambda gradient: gradient * math.nan)
        return values


def tensors(tree: object) -> list[torch.Tensor]:
    found, _ = torch.utils._pytree.tree_flatten(tree)
    return [leaf for leaf in found if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]


def assert_finite(path: Path) -> dict:
    checkpoint = torch.load(path, weights_only=True)
    kept = [checkpoint[key] for key in ("state_dict", "optimizer_states", "lightning_ebm")]
    assert all(tensor.isfinite().all() for tensor in tensors(kept))
    return checkpoint


def fit(module: L.LightningModule, data: L.LightningDataModule, folder: Path, **settings) -> None:
    L.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        logger=L.pytorch.loggers.CSVLogger(folder),
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        callbacks=[L.pytorch.callbacks.ModelCheckpoint(every_n_train_steps=1, save_last=True)],
        **settings,
    ).fit(module, datamodule=data)


@pytest.mark.parametrize("at", [1, 7, 40])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_gradients_that_are_nan_stop_the_run_with_a_good_state_saved(
    at: int, small_module, small_data, tmp_path: Path
) -> None:
    module = small_module("mala", energy=NaNGradients(at))
    with pytest.raises(DivergenceError, match="gradients of the energy") as said:
        fit(module, small_data(), tmp_path, max_steps=40)
    path = Path(re.search(r"saved as (\S+):", str(said.value)).group(1))
    assert assert_finite(path)["global_step"] in {at - 1, at}
    for other in path.parent.glob("*.ckpt"):
        assert_finite(other)
    good = max(0, (at - 1) // EVERY - 1) * EVERY
    assert f"the state of step {good} is saved" in str(said.value)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_state_saved_resumes_to_the_end(small_module, small_data, tmp_path: Path) -> None:
    with pytest.raises(DivergenceError) as said:
        fit(small_module("mala", energy=NaNGradients(9)), small_data(), tmp_path, max_steps=12)
    path = re.search(r"saved as (\S+):", str(said.value)).group(1)
    module = small_module("mala", energy=NaNGradients(-1))
    L.Trainer(
        max_steps=20, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
    ).fit(module, datamodule=small_data(), ckpt_path=path)  # fmt: skip
    assert module.trainer.global_step == 20
    assert all(p.isfinite().all() for p in module.parameters())


SCHEDULERS = {
    "by factors": lambda o: torch.optim.lr_scheduler.StepLR(o, 1000),
    # Computes every rate anew from the one that it began with.
    "in closed form": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda _: 1.0),
    "in sequence": lambda o: torch.optim.lr_scheduler.SequentialLR(
        o,
        [torch.optim.lr_scheduler.LambdaLR(o, lambda _: 1.0) for _ in range(2)],
        milestones=[65],
    ),
    "between two rates": lambda o: torch.optim.lr_scheduler.CyclicLR(
        o, 1e-3, 1e-2, step_size_up=10, cycle_momentum=False
    ),
}


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_rollback_goes_on_slower_and_says_so(
    kind: str, small_module, small_data, tmp_path: Path
) -> None:
    module = small_module(
        "mala",
        energy=NaNGradients(60),
        on_divergence="rollback",
        energy_optimizer=lambda p: torch.optim.Adam(p, lr=1e-2),
        energy_scheduler=SCHEDULERS[kind],
    )
    with pytest.warns(UserWarning, match=r"step 59 was not finite .* of step 25, with 0.5 times"):
        fit(module, small_data(), tmp_path, max_steps=70)
    assert module.trainer.global_step == 70
    assert module.recovery.count == 1
    assert module.trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(1e-2 * SLOWER)
    checkpoint = assert_finite(Path(module.trainer.checkpoint_callback.last_model_path))
    assert checkpoint["rollbacks"] == 1


@pytest.mark.parametrize("clip", [{"gradient_clip_val": 1.0}, {}], ids=["Trainer's", "own"])
@pytest.mark.parametrize("algorithm", ["norm", "value"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_clip_makes_no_finite_step_of_a_gradient_that_is_not(
    algorithm: str, clip: dict, small_module, small_data, tmp_path: Path
) -> None:
    class Steep(NaNGradients):
        # Gradients are finite, and their norm is not.
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            values = super().forward(x)
            if self.steps >= 5 and values.requires_grad:
                values.register_hook(lambda gradient: gradient * 1e25)
            return values

    own = {} if clip else {"energy_clip": 1.0}
    module = small_module("mala", energy=Steep(-1), **own)
    with pytest.raises(DivergenceError, match="at step 4: not finite: gradients of the energy"):
        fit(module, small_data(), tmp_path, max_steps=8, gradient_clip_algorithm=algorithm, **clip)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_run_goes_back_at_most_so_often(small_module, small_data, tmp_path: Path) -> None:
    class Always(NaNGradients):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.at = self.steps + 1
            return super().forward(x)

    module = small_module("mala", energy=Always(1), on_divergence="rollback", most_rollbacks=3)
    with pytest.raises(DivergenceError, match="after 3 rollbacks"):
        fit(module, small_data(), tmp_path, max_steps=20)
    assert module.recovery.count == 3


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pretraining_that_diverges_ends_the_run(small_module, small_data, tmp_path: Path) -> None:
    module = small_module("nt_ebm", flow_pretraining=20, flow_clip=None,
                          flow_optimizer=lambda p: torch.optim.SGD(p, lr=1e30))  # fmt: skip
    with pytest.raises(DivergenceError, match=r"pre-training of the flow diverged at step \d+"):
        fit(module, small_data(), tmp_path, max_steps=5)
    assert list(tmp_path.rglob("*.ckpt")) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_loss_that_is_not_finite_is_blamed_once(
    small_module, small_data, tmp_path: Path
) -> None:
    class Infinite(NaNGradients):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            values = super().forward(x)
            return values * (math.inf if self.steps == 5 and self.training else 1.0)

    module = small_module("mala", energy=Infinite(9), on_divergence="rollback", most_rollbacks=1)
    with pytest.raises(DivergenceError) as said:
        fit(module, small_data(), tmp_path, max_steps=20)
    assert "not finite: gradients of the energy, after 1 rollback;" in str(said.value)


def test_a_square_that_overflows_is_not_finite() -> None:
    require_finite("gradients", [torch.tensor([1e18])])
    with pytest.raises(NotFiniteError, match="gradients"):
        require_finite("gradients", [torch.zeros(3), torch.tensor([1e20])])

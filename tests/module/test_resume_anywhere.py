"""A run stopped at any step goes on as one that never stopped, bit for bit, whatever loads data."""

from __future__ import annotations

import lightning as L
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, WeightedRandomSampler

from lightning_ebm.data import TwoModes
from tests.module.test_resume import assert_equal, everything

SETTINGS = {
    "energy_optimizer": lambda p: torch.optim.Adam(p, lr=1e-2),
    "energy_scheduler": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40),
    "flow_scheduler": lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5),
    "energy_average": 0.9,
    "log_z_draws": 8,
    "search_steps": 0,
}
VALIDATION = {"val_check_interval": 3, "limit_val_batches": 1}


class Noisy(torch.utils.data.Dataset):
    """Points that get new noise from torch's and NumPy's generators whenever they are seen."""

    def __init__(self) -> None:
        torch.manual_seed(7)
        self.x = TwoModes().sample(80)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.x[index] + 0.1 * torch.randn(2)


class Endless(IterableDataset):
    def __iter__(self):
        return iter(Noisy().x)


def plain(**settings: object) -> DataLoader:
    return DataLoader(Noisy(), **({"batch_size": 8, "shuffle": True} | settings))


def own_generator() -> DataLoader:
    return plain(generator=torch.Generator().manual_seed(5))


def weighted() -> DataLoader:
    sampler = WeightedRandomSampler(torch.arange(80.0), 80, replacement=True)
    return plain(shuffle=False, sampler=sampler)


class Shuffled(BatchSampler):
    """Whole batches in random order."""

    def __iter__(self):
        batches = list(super().__iter__())
        return (batches[i] for i in torch.randperm(len(batches)))


def batches_of_a_class() -> DataLoader:
    sampler = Shuffled(range(80), 8, drop_last=True)
    return DataLoader(Noisy(), batch_sampler=sampler)


class Stop(L.Callback):
    """Saves a checkpoint once, in a hook, after so many batches."""

    def __init__(self, path, hook: str, batches: int) -> None:
        self.path, self.batches, self.seen = path, batches, 0
        setattr(self, hook, self.save)

    def on_train_batch_start(self, trainer, *_):
        self.seen += 1

    def save(self, trainer, *_):
        if self.seen == self.batches and not self.path.exists():
            trainer.save_checkpoint(self.path)


BATCH, CHECK, EPOCH = "on_train_batch_end", "on_validation_end", "on_train_epoch_end"

CASES = {
    "first batch": (plain, {}, BATCH, 1),
    "mid-epoch": (plain, {}, BATCH, 4),
    "mid-epoch, with validation": (plain, VALIDATION, BATCH, 4),
    "just before validation": (plain, VALIDATION, BATCH, 6),
    "after validation": (plain, VALIDATION, CHECK, 6),
    "last batch": (plain, {}, BATCH, 10),
    "last batch, with validation": (plain, {"limit_val_batches": 1}, BATCH, 10),
    "validation at the end": (plain, {"limit_val_batches": 1}, CHECK, 10),
    "epoch's end": (plain, {}, EPOCH, 10),
    "second epoch": (plain, {}, BATCH, 13),
    "second epoch, with validation": (plain, VALIDATION, CHECK, 16),
    "second epoch's end": (plain, VALIDATION, EPOCH, 20),
    "amid accumulation": (plain, {"accumulate_grad_batches": 3}, BATCH, 14),
    "after accumulation": (plain, {"accumulate_grad_batches": 3}, BATCH, 13),
    "last of a short accumulation": (plain, {"accumulate_grad_batches": 3}, BATCH, 10),
    "amid accumulation, validated": (
        plain, {"accumulate_grad_batches": 2} | VALIDATION, CHECK, 13
    ),
    "limited epochs": (plain, {"limit_train_batches": 7}, BATCH, 9),
    "workers": (lambda: plain(num_workers=2), {}, BATCH, 14),
    "persistent workers": (
        lambda: plain(num_workers=2, persistent_workers=True), VALIDATION, BATCH, 14
    ),
    "in order": (lambda: plain(shuffle=False, drop_last=True), {}, BATCH, 14),
    "a generator of its own": (own_generator, {}, BATCH, 14),
    "weighted": (weighted, {}, BATCH, 14),
    "a batch sampler": (batches_of_a_class, {}, BATCH, 14),
    "two loaders of different length": (
        lambda: [plain(batch_size=16), plain()], {}, BATCH, 17
    ),
}  # fmt: skip


@pytest.mark.parametrize("limit", [{"max_epochs": 3, "max_steps": -1}, {"max_steps": 25}])
@pytest.mark.parametrize("case", CASES)
def test_resumed_is_never_stopped_bit_for_bit(case, limit, small_module, small_trainer, tmp_path):
    loader, settings, hook, batches = CASES[case]
    if "max_steps" in limit and "accumulate_grad_batches" in settings:
        limit = {"max_steps": 9}
    settings = settings | limit

    def fit(path=None, **more):
        module = small_module("flow_mcmc", **SETTINGS)
        trainer = small_trainer(**settings | more)
        if path is not None:
            L.seed_everything(99, verbose=False)
        trainer.fit(module, loader(), plain(shuffle=False), ckpt_path=path)
        return module, trainer

    path = tmp_path / "stopped.ckpt"
    straight, trainer = fit(callbacks=[Stop(path, hook, batches)])
    resumed, again = fit(path)
    assert again.global_step == trainer.global_step
    assert_equal(everything(resumed), everything(straight))
    states = [t.optimizers[0].state_dict() for t in (trainer, again)]
    assert str(states[0]) == str(states[1])
    states = [t.lr_scheduler_configs[0].scheduler.state_dict() for t in (trainer, again)]
    assert states[0] == states[1]

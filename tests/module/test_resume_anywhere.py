"""A run stopped at any step goes on as one never stopped, bit for bit, whatever loads its data."""

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


class Draws(L.Callback):
    """Looks at a run carelessly, drawing from its random numbers."""

    def on_train_batch_end(self, *_):
        torch.randn(3)


BATCH, CHECK, EPOCH = "on_train_batch_end", "on_validation_end", "on_train_epoch_end"

STOPS = {
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
}  # fmt: skip

LOADERS = {
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


@pytest.fixture
def fit(small_module, small_trainer):
    """Fit a module whose batches get noise on their way, too; return it and its trainer."""

    def run(loader, path=None, callbacks=(), **settings):
        module = small_module("flow_mcmc", **SETTINGS)
        module.on_after_batch_transfer = lambda batch, _: (
            batch + 0.1 * torch.randn(2) if isinstance(batch, torch.Tensor) else batch
        )
        trainer = small_trainer(callbacks=[*callbacks, Draws()], **settings)
        if path is not None:
            torch.manual_seed(99)
        trainer.fit(module, loader, plain(shuffle=False), ckpt_path=path)
        return module, trainer

    return run


def assert_same(first, second) -> None:
    (module, trainer), (other, again) = first, second
    assert again.global_step == trainer.global_step
    assert_equal(everything(other), everything(module))
    of_optimizers = [str(t.optimizers[0].state_dict()) for t in (trainer, again)]
    assert of_optimizers[0] == of_optimizers[1]
    of_schedulers = [t.lr_scheduler_configs[0].scheduler.state_dict() for t in (trainer, again)]
    assert of_schedulers[0] == of_schedulers[1]


STEPS, EPOCHS = {"max_steps": 25}, {"max_epochs": 3, "max_steps": -1}


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    ("case", "limit"),
    [
        *(pytest.param(STOPS[name], EPOCHS, id=f"{name}, of epochs") for name in STOPS),
        *(pytest.param(STOPS[name], STEPS, id=f"{name}, of steps") for name in STOPS),
        *(pytest.param(LOADERS[name], STEPS, id=name) for name in LOADERS),
    ],
)
def test_resumed_is_never_stopped_bit_for_bit(case, limit, fit, tmp_path):
    loader, settings, hook, batches = case
    if "accumulate_grad_batches" in settings and limit is STEPS:
        limit = {"max_steps": 9}
    path = tmp_path / "stopped.ckpt"
    straight = fit(loader(), callbacks=[Stop(path, hook, batches)], **settings | limit)
    assert_same(straight, fit(loader(), path, **settings | limit))


@pytest.mark.parametrize(
    ("first", "batches", "then"),
    [
        ({"max_steps": 14}, 14, STEPS),
        ({"max_steps": 14}, 14, EPOCHS),
        ({"max_steps": 10}, 10, STEPS),
        ({"max_epochs": 2, "max_steps": -1}, 20, STEPS),
    ],
)
@pytest.mark.parametrize("hook", [EPOCH, "on_train_end", "afterwards"])
def test_a_run_that_has_ended_is_told_to_go_on(first, batches, then, hook, fit, tmp_path):
    path = tmp_path / "ended.ckpt"
    _, trainer = fit(plain(), callbacks=[Stop(path, hook, batches)], **first)
    if not path.exists():
        trainer.save_checkpoint(path)
    assert_same(fit(plain(), **then), fit(plain(), path, **then))


@pytest.mark.parametrize(
    ("first", "then", "sentence"),
    [
        (lambda: DataLoader(Endless(), 8), None, "the order of Endless is known to itself alone"),
        (plain, lambda: plain(batch_size=10), "an epoch had 10 batches and has 8"),
        (plain, lambda: DataLoader(Endless(), 8), "an epoch had 10 batches and has inf"),
        (plain, plain, None),
    ],
)
def test_what_is_lost_in_the_middle_of_an_epoch_is_said(
    first, then, sentence, fit, tmp_path, recwarn
):
    path = tmp_path / "stopped.ckpt"
    fit(first(), callbacks=[Stop(path, BATCH, 4)], max_steps=5)
    recwarn.clear()
    fit((then or first)(), path, max_steps=6)
    said = [str(w.message) for w in recwarn if "resumed after" in str(w.message)]
    assert len(said) == (sentence is not None)
    assert all(sentence in text for text in said)
    # Lightning's own, of loaders that cannot resume, is not said of those that can.
    lightnings = [w for w in recwarn if "not resumable" in str(w.message)]
    assert not lightnings or "Endless" in sentence


def test_trainer_and_global_random_numbers_are_left_as_they_were(fit):
    data = plain(num_workers=1, worker_init_fn=see_own_data)
    _, trainer = fit(data, max_steps=3)
    assert trainer.fit_loop._data_source.dataloader() is data
    loader = trainer.train_dataloader
    assert loader.dataset is data.dataset
    before = torch.get_rng_state()
    assert len(list(loader)) == 10
    assert torch.equal(torch.get_rng_state(), before)


def see_own_data(worker: int) -> None:
    assert isinstance(torch.utils.data.get_worker_info().dataset, Noisy)

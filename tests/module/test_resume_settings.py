"""What is configured on resuming is in force, and said; all else goes on as it was."""

from __future__ import annotations

import logging

import lightning as L
import pytest
import torch
from torch.optim import SGD, Adam, AdamW, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, SequentialLR, StepLR

from lightning_ebm import MLP, SettingError
from lightning_ebm.registry import find


class Rates(L.Callback):
    """The energy's rate at which each step is made."""

    def __init__(self) -> None:
        self.seen = {}

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.seen[trainer.global_step] = optimizer.param_groups[0]["lr"]


@pytest.fixture
def said(caplog, monkeypatch):
    """Return the lines that a run said of what differs, one after the other."""
    monkeypatch.setattr(logging.getLogger("lightning.pytorch"), "propagate", True)
    caplog.set_level(logging.INFO)
    return lambda: [m.removeprefix("resumed with ") for m in caplog.messages if "resumed" in m]


@pytest.fixture
def resumed(small_module, small_data, small_trainer, tmp_path):
    """Train 20 steps under some settings, and 20 more under others; return module and rates."""

    def run(then, now, steps=40):
        first = {"flow": None, "sampler": "mala"} | then
        trainer = small_trainer(max_steps=20)
        trainer.fit(small_module(**first), datamodule=small_data())
        trainer.save_checkpoint(tmp_path / "a.ckpt")
        rates = Rates()
        module = small_module(**first | now)
        trainer = small_trainer(max_steps=steps, callbacks=[rates])
        trainer.fit(module, datamodule=small_data(), ckpt_path=tmp_path / "a.ckpt")
        return module, rates.seen

    return run


def cosine(length):
    return lambda o: CosineAnnealingLR(o, length)


def adam(rate, **settings):
    return lambda p: Adam(p, lr=rate, **settings)


def twice(length):
    return lambda o: SequentialLR(o, [StepLR(o, length), cosine(20)(o)], [30])


LR = "energy_optimizer lr 0.0001 in place of the checkpoint's 0.01"
FRESH = ", with a fresh state"


@pytest.mark.parametrize(
    ("then", "now", "rates", "lines"),
    [
        ({}, {}, {24: 0.01, 39: 0.01}, []),
        ({}, {"energy_optimizer": adam(1e-4)}, {24: 1e-4, 39: 1e-4}, [LR]),
        (
            {"energy_scheduler": cosine(20)},
            {"energy_scheduler": cosine(40)},
            {24: 0.00346, 29: 0.00175, 34: 0.00055, 39: 0.000015},
            ["energy_scheduler T_max 40 in place of the checkpoint's 20"],
        ),
        (
            {"energy_scheduler": cosine(40)},
            {"energy_optimizer": adam(1e-4)},
            {24: 0.0000346, 39: 0.00000015},
            [LR],
        ),
        (
            {},
            {"energy_scheduler": cosine(40)},
            {24: 0.00346, 39: 0.000015},
            ["energy_scheduler CosineAnnealingLR in place of the checkpoint's null"],
        ),
        (
            {"energy_scheduler": cosine(40)},
            {"energy_scheduler": None},
            {24: 0.01, 39: 0.01},
            ["energy_scheduler null in place of the checkpoint's CosineAnnealingLR"],
        ),
        (
            {"energy_scheduler": cosine(40)},
            {"energy_optimizer": lambda p: SGD(p, lr=0.01)},
            {24: 0.00346, 39: 0.000015},
            ["energy_optimizer SGD in place of the checkpoint's Adam" + FRESH],
        ),
        (
            {"energy_scheduler": twice(10)},
            {"energy_scheduler": twice(40)},
            {24: 0.01},
            ["energy_scheduler of other settings than the checkpoint's"],
        ),
        (
            {},
            {"energy_optimizer": adam(0.01, betas=(0.5, 0.9), weight_decay=0.1)},
            {24: 0.01},
            [
                "energy_optimizer betas [0.5, 0.9] in place of the checkpoint's [0.9, 0.999]",
                "energy_optimizer weight_decay 0.1 in place of the checkpoint's 0",
            ],
        ),
        (
            {},
            {"energy_optimizer": adam(0.01, amsgrad=True)},
            {24: 0.01},
            [
                "energy_optimizer amsgrad True in place of the checkpoint's False",
                "energy_optimizer begun with a fresh state, which these settings need",
            ],
        ),
        (
            {"energy_optimizer": lambda p: RMSprop(p, lr=0.01)},
            {"energy_optimizer": lambda p: RMSprop(p, lr=0.01, momentum=0.9)},
            {24: 0.01},
            [
                "energy_optimizer momentum 0.9 in place of the checkpoint's 0",
                "energy_optimizer begun with a fresh state, which these settings need",
            ],
        ),
        (
            {"energy_clip": 1.0},
            {"energy_clip": 0.5, "difference_penalty": 0.1},
            {24: 0.01},
            [
                "difference_penalty 0.1 in place of the checkpoint's 0.0",
                "energy_clip 0.5 in place of the checkpoint's 1.0",
            ],
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:The epoch parameter in")
def test_settings_of_now_are_in_force_and_said(then, now, rates, lines, resumed, said):
    _, seen = resumed({"energy_optimizer": adam(0.01)} | then, now)
    assert {step: seen[step] for step in rates} == pytest.approx(rates, rel=0.03)
    assert sorted(said()) == sorted(lines)


def test_settings_of_the_command_line_are_in_force_and_said(inside, said):
    base = [
        *(
            "fit",
            "--config",
            "two_modes.yaml",
            "--trainer.accelerator=cpu",
            "--trainer.logger=false",
        ),
        *("--model.sampler=mala", "--model.flow=null", "--trainer.enable_progress_bar=false"),
        "--trainer.limit_val_batches=0",
        "--checkpoint.dirpath=saved",
    ]
    inside(*base, "--trainer.max_steps=2")
    inside(
        *(*base, "--trainer.max_steps=3", "--ckpt_path=saved/last.ckpt", "--seed_everything=7"),
        *("--model.sampler.n_steps=2", "--model.energy_optimizer=SGD"),
        *("--model.energy_optimizer.lr=0.25", "--trainer.gradient_clip_val=2.0"),
    )
    lines = said()
    assert len(lines) == len(set(lines)) == 4
    assert "seed 7 in place of the checkpoint's 0" in lines
    assert any(
        line.startswith("sampler.n_steps 2 in place of the checkpoint's ") for line in lines
    )
    assert "gradient_clip_val 2.0 in place of the checkpoint's null" in lines
    assert "energy_optimizer SGD in place of the checkpoint's Adam" + FRESH in lines


def test_a_scheduler_that_ends_before_the_present_is_refused(resumed):
    now = {"energy_scheduler": lambda o: OneCycleLR(o, 0.01, total_steps=10)}
    with pytest.raises(SettingError, match=r"energy_scheduler has total_steps 10, but is stepped"):
        resumed({}, now)


def test_a_scheduler_that_lasts_as_long_as_the_epochs_do_is_let_alone(
    small_module, small_data, small_trainer
):
    module = small_module("mala", energy_scheduler=lambda o: OneCycleLR(o, 0.01, total_steps=50))
    trainer = small_trainer(max_steps=100, max_epochs=1)
    trainer.fit(module, datamodule=small_data())
    assert 0 < trainer.global_step < 50


def test_a_flows_decay_is_taken_over_with_the_state_of_each_parameter(
    small_module, small_data, small_trainer, tmp_path, said
):
    """With decay the flow's parameters fall into two groups, in another order."""
    modules = [
        small_module(flow_optimizer=lambda p, d=d: AdamW(p, lr=0.01, weight_decay=d))
        for d in (0.0, 0.1)
    ]
    trainer = small_trainer()
    trainer.fit(modules[0], datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    before = trainer.optimizers[0].optimizers["flow"].state
    kept = {n: before[p]["exp_avg"] for n, p in modules[0].flow.named_parameters()}
    trainer = small_trainer(max_steps=6)
    trainer.fit(modules[1], datamodule=small_data(), ckpt_path=tmp_path / "a.ckpt")
    joint = trainer.optimizers[0]
    assert [group["weight_decay"] for group in joint.optimizers["flow"].param_groups] == [0.1, 0.0]
    assert said() == ["flow_optimizer weight_decay 0.1 in place of the checkpoint's 0.0"]
    joint.load_state_dict(torch.load(tmp_path / "a.ckpt")["optimizer_states"][0])
    after = joint.optimizers["flow"].state
    for name, parameter in modules[1].flow.named_parameters():
        assert torch.equal(after[parameter]["exp_avg"], kept[name]), name


@pytest.mark.parametrize(
    ("seed", "goes_on", "lines"),
    [(None, True, []), (1, True, []), (2, False, ["seed 2 in place of the checkpoint's 1"])],
)
def test_a_stream_goes_on_unless_another_seed_is_said(
    seed, goes_on, lines, said, small_module, small_data, small_trainer, tmp_path
):
    straight, stopped, resumed = (small_module("mala", flow=None) for _ in range(3))
    small_trainer(max_epochs=2, max_steps=-1).fit(straight, datamodule=small_data())
    trainer = small_trainer(max_epochs=1, max_steps=-1)
    trainer.fit(stopped, datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    trainer = small_trainer(max_epochs=2, max_steps=-1)
    if seed is not None:
        L.seed_everything(seed, verbose=False)
    trainer.fit(resumed, datamodule=small_data(), ckpt_path=tmp_path / "a.ckpt")
    same = torch.equal(resumed.sampler.start.bank, straight.sampler.start.bank)
    assert (same, said()) == (goes_on, lines)


def test_where_no_seed_is_said_the_stream_of_the_checkpoint_goes_on(
    small_module, small_data, small_trainer, tmp_path, monkeypatch
):
    trainer = small_trainer()
    trainer.fit(small_module(), datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    drawn = []
    for noise in (5, 6):
        trainer, module = small_trainer(max_steps=7), small_module()
        monkeypatch.delenv("PL_GLOBAL_SEED")
        torch.manual_seed(noise)
        trainer.fit(module, datamodule=small_data(), ckpt_path=tmp_path / "a.ckpt")
        trainer.save_checkpoint(tmp_path / "b.ckpt")
        drawn.append(torch.rand(3))
    assert torch.equal(*drawn)
    assert torch.load(tmp_path / "b.ckpt")["lightning_ebm"]["seed"] == 1


@pytest.mark.parametrize("target", [None, 0.6])
def test_a_step_size_of_now_is_in_force(target, resumed, said):
    then, now = (
        {"sampler": find("mala")(step_size=size, target_acceptance=target)}
        for size in (0.05, 0.01)
    )
    module, _ = resumed(then, now, steps=21)
    # In 20 steps it would adapt from .05 to some .4, and in one hardly.
    assert float(module.sampler.kernel.step_size.log_value.exp()) == pytest.approx(0.01, rel=0.6)
    assert said() == ["sampler.kernel.step_size 0.01 in place of the checkpoint's 0.05"]


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (
            {"energy": MLP([2], hidden=[8, 8])},
            r"model.energy gives energy\S+ shape \[8, 2\]",
        ),
        ({"energy_average": None}, r"model.energy_average gives average\S+ no weight"),
        ({"base_widening": 2.0}, r"model.base_widening is 2.0 .* 1.0, or begin anew"),
    ],
)
def test_what_cannot_be_changed_is_refused(now, sentence, resumed):
    with pytest.raises(SettingError, match=sentence):
        resumed({}, now)


def test_a_checkpoint_that_does_not_know_its_settings_goes_on_as_it_was(
    small_module, small_data, small_trainer, tmp_path, said
):
    settings = {"energy_scheduler": cosine(40), "energy_optimizer": adam(0.01)}
    trainer = small_trainer()
    trainer.fit(small_module(**settings), datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    contents = torch.load(tmp_path / "a.ckpt")
    for states in (contents["optimizer_states"], contents["lr_schedulers"]):
        for state in states[0].values():
            del state["configured"]
    ours = contents["lightning_ebm"]
    contents["lightning_ebm"] = {key: ours[key] for key in ("sampler_class", "processes")}
    torch.save(contents, tmp_path / "old.ckpt")
    ends = []
    for name in ("a", "old"):
        trainer, module = small_trainer(max_steps=8), small_module(**settings)
        trainer.fit(module, datamodule=small_data(), ckpt_path=tmp_path / f"{name}.ckpt")
        ends.append(torch.cat([p.flatten() for p in module.energy.parameters()]))
    assert torch.equal(*ends)
    assert said() == []
    trainer = small_trainer(max_steps=8)
    module = small_module(energy_optimizer=lambda p: SGD(p, lr=0.1))
    trainer.fit(module, datamodule=small_data(), ckpt_path=tmp_path / "old.ckpt")
    assert said() == [
        "energy_optimizer SGD with a fresh state: the checkpoint's is of another optimizer",
    ]

"""What a step does once, seldom or not at all, and that the outcome is the same."""

from __future__ import annotations

import itertools
import os

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.profilers import SimpleProfiler
from torch.optim.swa_utils import AveragedModel

from benchmarks.training_step import BareLoop
from lightning_ebm.checkpoints import RunCheckpoint, WholeFiles
from lightning_ebm.module.lean_trainer import NoProfiler, SparingProgressBar
from lightning_ebm.module.moving_average import MovingAverage
from lightning_ebm.random_state import Moment, random_state, set_random_state


class ByHand(L.Callback):
    """Has the benchmark's loop take every step of Trainer's from the sixth on after it."""

    def __init__(self):
        self.batches, self.loop = [], None

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if trainer.global_step == 5:
            self.loop, self.moment = BareLoop(module), Moment.now()
        self.batches.append(batch)

    def ends_as(self, module):
        self.moment.put_back()
        self.loop.run(self.batches[5:])
        pairs = [(self.loop.energy.parameters(), module.energy.parameters())]
        pairs += [(self.loop.averaged, module.average.module.parameters())]
        pairs += [(self.loop.flow.parameters(), module.flow.parameters())]
        return all(torch.equal(a, b) for one in pairs for a, b in zip(*one, strict=True))


@pytest.mark.parametrize("sampler", ["ula", "flow_mcmc", "coopflow", "nt_ebm"])
def test_the_loop_by_hand_of_the_benchmark_comes_to_the_same_weights(
    sampler, small_module, small_data, small_trainer
):
    module, by_hand = small_module(sampler, energy_average=0.5), ByHand()
    small_trainer(max_steps=12, callbacks=[by_hand]).fit(module, datamodule=small_data())
    assert by_hand.ends_as(module)


def test_the_average_is_that_of_torch_by_the_same_rule():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))

    def rule(averaged, current, n):
        torch._foreach_lerp_(averaged, current, 1 - min(0.9, ((1 + n) / (10 + n)).item()))

    ours, torchs = MovingAverage(network, 0.9), AveragedModel(network, multi_avg_fn=rule)
    for step in range(120):
        with torch.no_grad():
            network[0].weight.add_(torch.randn(3, 2))
            network(torch.randn(8, 2))
        ours.update_parameters(network)
        with torch.no_grad():
            torchs.update_parameters(network)
        if step == 60:
            ours.load_state_dict(resumed := {k: v.clone() for k, v in torchs.state_dict().items()})
            assert resumed["n_averaged"] == 61
    for name, value in torchs.state_dict().items():
        assert torch.equal(value, ours.state_dict()[name]), name


@pytest.mark.parametrize(
    ("keeper", "written"),
    [
        # The first checkpoint of a run does not know the name of its last yet.
        ({"save_last": True, "every_n_epochs": 1}, 4),
        ({"save_last": True, "every_n_train_steps": 4, "save_top_k": -1}, 8),
        ({"every_n_epochs": 1}, 3),
    ],
    ids=str,
)
def test_a_checkpoint_of_several_names_is_written_once(
    keeper, written, small_module, small_data, small_trainer, tmp_path, monkeypatch
):
    saves = []
    plain = WholeFiles.save_checkpoint
    monkeypatch.setattr(
        WholeFiles, "save_checkpoint", lambda *a, **k: (saves.append(a[2]), plain(*a, **k))
    )
    saver = RunCheckpoint(dirpath=tmp_path / "kept", **keeper)
    trainer = small_trainer(max_steps=28, enable_checkpointing=True, callbacks=[saver])
    trainer.fit(small_module("mala"), datamodule=small_data())
    assert len(saves) == written
    if "save_last" not in keeper:
        return
    last, latest = tmp_path / "kept" / "last.ckpt", tmp_path / "kept" / saver.best_model_path
    assert not os.path.samefile(last, latest)
    saved = torch.load(last, weights_only=True)
    assert saved["global_step"] == 28
    assert saved["callbacks"]["RunCheckpoint"]["last_model_path"] == str(last)
    assert {p.name for p in last.parent.iterdir() if p.name.startswith("last")} == {"last.ckpt"}


def test_random_state_of_an_older_checkpoint_is_taken_up():
    state = random_state()
    version, words, gauss = state["python"]
    draws = []
    for python in ([version, words, gauss], (version, tuple(words.tolist()), gauss)):
        set_random_state(state | {"python": python})
        draws.append((torch.rand(3).tolist(), Moment.now().python))
    assert draws[0] == draws[1]


class Own(TQDMProgressBar):
    """A bar of the user's."""


@pytest.mark.parametrize(
    ("settings", "bar", "profiler"),
    [
        ({"callbacks": [TQDMProgressBar()]}, SparingProgressBar, NoProfiler),
        ({"callbacks": [Own()], "profiler": "simple"}, Own, SimpleProfiler),
        ({"enable_progress_bar": False}, type(None), NoProfiler),
    ],
    ids=["plain", "own", "none"],
)
def test_only_what_trainer_has_of_its_own_accord_is_exchanged(
    settings, bar, profiler, small_module, small_data, small_trainer, capsys
):
    trainer = small_trainer(**{"enable_progress_bar": True, "max_steps": 10} | settings)
    trainer.fit(small_module("mala"), datamodule=small_data())
    assert type(trainer.progress_bar_callback) is bar
    assert type(trainer.profiler) is profiler
    assert ("10/10" in capsys.readouterr().out) == (bar is not type(None))


def test_the_bar_is_drawn_at_the_last_batch_and_not_at_each(monkeypatch):
    clock = itertools.count(0, 0.08)
    monkeypatch.setattr("lightning_ebm.module.lean_trainer.time.monotonic", lambda: next(clock))
    bar = SparingProgressBar()
    assert [k for k in range(1, 11) if bar._should_update(k, 10)] == [1, 4, 7, 10]

"""Two optimizers behave as a Lightning user expects one to."""

import lightning as L
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from lightning_ebm import MLP, EBMLightningModule, RealNVP, SettingError
from lightning_ebm.data import TwoModes
from lightning_ebm.registry import find
from lightning_ebm.starts import Persistent

SAMPLERS = ["ula", "mala", "hmc", "flow_mcmc", "coopflow", "nt_ebm"]


def weights(network):
    return torch.cat([p.detach().flatten().clone() for p in network.parameters()])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_trains_the_energy_and_only_teachers_the_flow(
    sampler, small_module, small_data, small_trainer
):
    module = small_module(sampler)
    after_preparation = {}

    class Snapshot(L.Callback):
        def on_train_start(self, trainer, pl_module):
            after_preparation["energy"] = weights(pl_module.energy)
            after_preparation["flow"] = weights(pl_module.flow)

    small_trainer(callbacks=[Snapshot()]).fit(module, datamodule=small_data())
    assert not torch.equal(weights(module.energy), after_preparation["energy"])
    moved = not torch.equal(weights(module.flow), after_preparation["flow"])
    assert moved == module.sampler.teaches_flow


def test_a_batch_is_a_step(small_module, small_data, small_trainer):
    trainer = small_trainer(max_steps=7)
    trainer.fit(small_module(), datamodule=small_data())
    assert trainer.global_step == 7
    assert trainer.fit_loop.epoch_loop.total_batch_idx + 1 == 7


def test_accumulated_batches_are_one_step(small_module, small_data, small_trainer):
    trainer = small_trainer(max_steps=3, accumulate_grad_batches=2)
    trainer.fit(small_module(), datamodule=small_data())
    assert trainer.global_step == 3
    assert trainer.fit_loop.epoch_loop.total_batch_idx + 1 == 6


def test_each_network_has_its_own_optimizer_class_rate_and_schedule(
    small_module, small_data, small_trainer
):
    module = small_module(
        energy_optimizer=lambda p: torch.optim.SGD(p, lr=0.1),
        flow_optimizer=lambda p: torch.optim.AdamW(p, lr=0.01),
        energy_scheduler=lambda o: torch.optim.lr_scheduler.StepLR(o, 1, gamma=0.5),
        flow_scheduler=lambda o: torch.optim.lr_scheduler.StepLR(o, 2, gamma=0.1),
    )
    trainer = small_trainer(max_steps=4)
    trainer.fit(module, datamodule=small_data())
    parts = trainer.optimizers[0].optimizers
    assert isinstance(parts["energy"], torch.optim.SGD)
    assert isinstance(parts["flow"], torch.optim.AdamW)
    assert parts["energy"].param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**4)
    assert parts["flow"].param_groups[0]["lr"] == pytest.approx(0.01 * 0.1**2)


@pytest.mark.parametrize(
    ("clips", "trainer_value", "expected"),
    [
        ({"energy_clip": 1e-3, "flow_clip": 1e-4}, None, {"energy": 1e-3, "flow": 1e-4}),
        ({"energy_clip": None, "flow_clip": 1e-4}, 1e-2, {"energy": 1e-2, "flow": 1e-4}),
    ],
)
def test_each_network_is_clipped_by_itself(
    clips, trainer_value, expected, small_module, small_data, small_trainer
):
    norms = {}
    module = small_module(**clips)
    step = module.optimizer_step

    class Norms(L.Callback):
        def on_before_zero_grad(self, trainer, pl_module, optimizer):
            for name in ("energy", "flow"):
                gradients = [p.grad for p in getattr(pl_module, name).parameters()]
                if gradients[0] is not None:
                    norms.setdefault(name, []).append(nn.utils.get_total_norm(gradients).item())

    assert step is not None
    small_trainer(gradient_clip_val=trainer_value, callbacks=[Norms()]).fit(
        module, datamodule=small_data()
    )
    for name, limit in expected.items():
        assert max(norms[name]) == pytest.approx(limit, rel=1e-3)


def test_checkpoint_intervals_count_batches(small_module, small_data, small_trainer, tmp_path):
    saver = L.pytorch.callbacks.ModelCheckpoint(
        tmp_path / "saved", filename="{step}", every_n_train_steps=3, save_top_k=-1
    )
    trainer = small_trainer(max_steps=7, enable_checkpointing=True, callbacks=[saver])
    trainer.fit(small_module(), datamodule=small_data())
    saved = {p.name for p in (tmp_path / "saved").iterdir()}
    assert saved == {"step=3.ckpt", "step=6.ckpt", "last.ckpt"}


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_precision_is_respected_and_chains_stay_precise(
    precision, small_module, small_data, small_trainer
):
    module = small_module()
    small_trainer(precision=precision).fit(module, datamodule=small_data())
    wanted = torch.float64 if precision == "64-true" else torch.float32
    assert module.latest_draw.x.dtype == wanted
    assert module.sampler.start.bank.dtype == wanted


@pytest.mark.parametrize(
    "sampler", [find("flow_mcmc")(), find("mala")(start=Persistent(restart=0.1))]
)
def test_half_precision_weights_are_refused_where_anything_is_accepted_or_rejected(
    sampler, small_module, small_data, small_trainer
):
    with pytest.raises(SettingError, match=r"trainer.precision .*bf16-mixed"):
        small_trainer(precision="bf16-true").fit(small_module(sampler), datamodule=small_data())


def test_extra_flow_updates_move_the_flow_further(small_module, small_data, small_trainer):
    ends = {}
    for updates in (1, 3):
        module = small_module(flow_updates=updates)
        small_trainer(max_steps=1).fit(module, datamodule=small_data())
        ends[updates] = weights(module.flow), weights(module.energy)
    assert not torch.equal(ends[1][0], ends[3][0])
    assert torch.equal(ends[1][1], ends[3][1])


def test_extra_flow_updates_learn_from_data_too_where_the_sampler_asks(
    small_module, small_data, small_trainer
):
    seen = []

    class Teacher(find("coopflow")):
        def flow_loss(self, problem, draw):
            seen.append(problem.data)
            return super().flow_loss(problem, draw)

    module = small_module(Teacher(data_share=0.5), flow_updates=2)
    small_trainer(max_steps=1).fit(module, datamodule=small_data())
    assert len(seen) == 2
    assert torch.equal(*seen)
    assert len(seen[0]) == 32


def test_a_sampler_that_teaches_nothing_pulls_back_through_the_base_flow_itself(
    small_module, small_data, small_trainer
):
    module = small_module("nt_ebm", base="flow")
    small_trainer(max_steps=3).fit(module, datamodule=small_data())
    problem = module.problem()
    assert problem.log_density.base is problem.flow
    z, x = problem.flow.base.sample(20)[0], torch.randn(20, 2)
    expected = -module.energy(problem.flow.forward(z)[0]) + problem.flow.base.log_prob(z)
    assert torch.allclose(problem.pullback().log_prob(z), expected.detach(), atol=1e-4)
    assert torch.equal(problem.log_prob(x), module.log_density(x).detach())


def test_the_base_flow_tells_log_z_where_the_sampler_uses_no_flow(
    small_module, small_data, small_trainer
):
    module = small_module("mala", base="flow")
    trainer = small_trainer(max_steps=3)
    trainer.fit(module, datamodule=small_data())
    trainer.test(module, datamodule=small_data(), verbose=False)
    assert any(remark.startswith("log Z by flow") for remark in module.remarks)


def test_a_flow_that_is_not_to_learn_stays_as_it_was_fitted(
    small_module, small_data, small_trainer
):
    module = small_module(find("flow_mcmc")(adaptive=False), base="flow")
    small_trainer(max_steps=3).fit(module, datamodule=small_data())
    assert torch.equal(weights(module.flow), weights(module.frozen_flow.flow))
    assert module.problem().proposal is module.problem().log_density.base


def test_the_moving_average_is_evaluated_and_lags(small_module, small_data, small_trainer):
    module = small_module(energy_average=0.9)
    small_trainer(max_steps=20).fit(module, datamodule=small_data())
    assert module.evaluated_energy is module.average.module
    assert not torch.equal(weights(module.evaluated_energy), weights(module.energy))


def test_the_base_flow_is_a_frozen_copy_of_the_pretrained_companion(
    small_module, small_data, small_trainer
):
    module = small_module(base="flow", flow_pretraining=5)
    small_trainer(max_steps=0).fit(module, datamodule=small_data())
    assert torch.equal(weights(module.frozen_flow.flow), weights(module.flow))
    kept = weights(module.frozen_flow.flow)
    small_trainer(max_steps=5).fit(module, datamodule=small_data())
    assert torch.equal(weights(module.frozen_flow.flow), kept)
    assert not torch.equal(weights(module.flow), kept)


def test_a_penalty_on_gradients_flattens_the_energy(small_module, small_data, small_trainer):
    steepness = {}
    x = 4 * torch.randn(100, 2)
    for weight in (0.0, 1.0):
        module = small_module(
            gradient_penalty=weight, energy_optimizer=lambda p: torch.optim.Adam(p, lr=1e-2)
        )
        small_trainer(max_steps=100).fit(module, datamodule=small_data())
        values = module.energy(x.requires_grad_())
        steepness[weight] = torch.autograd.grad(values.sum(), x)[0].norm(dim=1).mean()
    assert steepness[1.0] < 0.5 * steepness[0.0]


def test_temperature_scales_the_energy_of_the_density(small_module, small_data, small_trainer):
    module = small_module(temperature=0.5, base="none")
    small_trainer().fit(module, datamodule=small_data())
    x = torch.randn(10, 2)
    assert torch.allclose(module.log_density(x), -module.energy(x) / 0.5)


def test_a_script_of_fifteen_lines_trains(tmp_path):
    data = DataLoader(TwoModes().sample(256)[:], batch_size=64, shuffle=True, drop_last=True)
    module = EBMLightningModule(energy=MLP([2]), flow=RealNVP([2]), sampler=find("flow_mcmc")())
    trainer = L.Trainer(
        max_steps=3,
        accelerator="cpu",
        default_root_dir=tmp_path,
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
    )
    trainer.fit(module, data)
    assert module.latest_draw.x.shape == (64, 2)


def test_any_module_is_an_energy(small_module, small_data, small_trainer):
    energy = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    module = small_module(energy=energy)
    small_trainer().fit(module, datamodule=small_data())
    assert module.log_density(torch.zeros(3, 2)).shape == (3,)


def test_divergence_stops_the_run_and_names_the_culprit(small_module, small_data, small_trainer):
    module = small_module(energy_optimizer=lambda p: torch.optim.SGD(p, lr=1e30))
    with pytest.raises(FloatingPointError, match=r"diverged at step 0: .* weights of the energy"):
        small_trainer(max_steps=20).fit(module, datamodule=small_data())

"""Two optimizers as one do what each alone would do."""

from __future__ import annotations

import copy

import pytest
import torch
from lightning.pytorch.cli import ReduceLROnPlateau
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW
from torch.optim.lr_scheduler import StepLR

from lightning_ebm.errors import NotFiniteError, SettingError
from lightning_ebm.flows import RealNVP
from lightning_ebm.optimizers import JointOptimizer, JointScheduler, decay_layers_only


def networks() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    return nn.Linear(3, 2).double(), nn.Linear(2, 1).double()


def optimizers(energy: nn.Module, flow: nn.Module) -> dict[str, torch.optim.Optimizer]:
    return {"energy": Adam(energy.parameters(), lr=0.1), "flow": SGD(flow.parameters(), 0.2, 0.9)}


def set_gradients(step: int, *modules: nn.Module) -> None:
    """Give every parameter a gradient that depends on the step alone."""
    generator = torch.Generator().manual_seed(step)
    for module in modules:
        for parameter in module.parameters():
            parameter.grad = torch.randn(
                parameter.shape, generator=generator, dtype=parameter.dtype
            )


def weights(*modules: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for module in modules for p in module.parameters()]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_each_network_is_stepped_as_by_its_own_optimizer():
    pair, joint_pair = networks(), networks()
    alone = optimizers(*pair)
    joint = JointOptimizer(optimizers(*joint_pair))
    for step in range(5):
        set_gradients(step, *pair)
        set_gradients(step, *joint_pair)
        for optimizer in alone.values():
            optimizer.step()
        joint.step()
        assert equal(weights(*pair), weights(*joint_pair))
    assert not equal(weights(*pair), weights(*networks()))


def test_a_closure_is_evaluated_once():
    joint, calls = JointOptimizer(optimizers(*networks())), []

    def closure() -> torch.Tensor:
        calls.append(torch.is_grad_enabled())
        return torch.tensor(2.5)

    assert joint.step(closure) == 2.5
    assert calls == [True]


def test_gradients_are_reset_together():
    energy, flow = networks()
    joint = JointOptimizer(optimizers(energy, flow))
    set_gradients(0, energy, flow)
    joint.zero_grad(set_to_none=False)
    assert all((p.grad == 0).all() for p in [*energy.parameters(), *flow.parameters()])
    joint.zero_grad()
    assert all(p.grad is None for p in [*energy.parameters(), *flow.parameters()])


def test_parameter_groups_are_named_and_shared():
    joint = JointOptimizer(optimizers(*networks()))
    assert [group["name"] for group in joint.param_groups] == ["energy", "flow"]
    assert [group["lr"] for group in joint.param_groups] == [0.1, 0.2]
    joint.param_groups[1]["lr"] = 0.05
    assert joint.optimizers["flow"].param_groups[0]["lr"] == 0.05


def test_state_round_trips_to_the_bit():
    pair = networks()
    joint = JointOptimizer(optimizers(*pair))
    for step in range(3):
        set_gradients(step, *pair)
        joint.step()
    joint.param_groups[0]["lr"] = 0.01
    saved = copy.deepcopy((joint.state_dict(), weights(*pair)))

    other_pair = networks()
    with torch.no_grad():
        for parameter, value in zip(
            [p for m in other_pair for p in m.parameters()], saved[1], strict=True
        ):
            parameter.copy_(value)
    other = JointOptimizer(optimizers(*other_pair))
    other.load_state_dict(saved[0])
    assert other.param_groups[0]["lr"] == 0.01
    assert other.param_groups[0] is other.optimizers["energy"].param_groups[0]
    assert [group["name"] for group in other.param_groups] == ["energy", "flow"]
    for step in range(3, 6):
        for modules, optimizer in ((pair, joint), (other_pair, other)):
            set_gradients(step, *modules)
            optimizer.step()
    assert equal(weights(*pair), weights(*other_pair))


def test_a_network_that_was_not_saved_begins_anew():
    energy, flow = networks()
    joint = JointOptimizer(optimizers(energy, flow))
    set_gradients(0, energy, flow)
    joint.step()
    saved = {"energy": joint.state_dict()["energy"]}
    other = JointOptimizer(optimizers(*networks()))
    other.load_state_dict(saved)
    assert len(other.optimizers["energy"].state) == 2
    assert len(other.optimizers["flow"].state) == 0


def schedulers(joint: JointOptimizer) -> JointScheduler:
    parts = {
        "energy": StepLR(joint.optimizers["energy"], step_size=2, gamma=0.5),
        "flow": ReduceLROnPlateau(
            joint.optimizers["flow"], monitor="valid/nll", patience=0, factor=0.1
        ),
    }
    return JointScheduler(joint, parts)


def rates(joint: JointOptimizer) -> list[float]:
    return [group["lr"] for group in joint.param_groups]


# StepLR warns that no optimizer step came before it, which is no matter here.
@pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")
def test_schedulers_count_steps_and_one_that_waits_counts_validations():
    joint = JointOptimizer(optimizers(*networks()))
    scheduler = schedulers(joint)
    scheduler.observe({"valid/nll": torch.tensor(1.0)})
    for _ in range(3):
        scheduler.step({"valid/nll": torch.tensor(9.0)})
    assert rates(joint) == [0.05, 0.2]
    scheduler.observe({"valid/nll": torch.tensor(torch.nan), "other": torch.tensor(2.0)})
    scheduler.observe({"other": torch.tensor(2.0)})
    assert rates(joint) == [0.05, 0.2]
    scheduler.observe({"valid/nll": torch.tensor(1.0)})
    assert rates(joint) == pytest.approx([0.05, 0.02])


def test_a_figure_that_does_not_exist_is_refused_with_those_that_do():
    scheduler = schedulers(JointOptimizer(optimizers(*networks())))
    with pytest.raises(SettingError, match=r"flow_scheduler.monitor is 'valid/nll'.* a, b$"):
        scheduler.observe({"b": torch.tensor(1.0), "a": torch.tensor(1.0)})


def test_a_plateau_of_no_figure_is_refused():
    joint = JointOptimizer(optimizers(*networks()))
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(joint.optimizers["flow"])
    with pytest.raises(SettingError, match=r"flow_scheduler .* monitor"):
        JointScheduler(joint, {"flow": plateau})


@pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")
def test_schedulers_round_trip():
    joint = JointOptimizer(optimizers(*networks()))
    scheduler = schedulers(joint)
    for value in (1.0, 2.0, 3.0):
        scheduler.step()
        scheduler.observe({"valid/nll": torch.tensor(value)})
    other_joint = JointOptimizer(optimizers(*networks()))
    other = schedulers(other_joint)
    other_joint.load_state_dict(copy.deepcopy(joint.state_dict()))
    other.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    for value in (2.5, 0.5, 4.0):
        for each in (scheduler, other):
            each.step()
            each.observe({"valid/nll": torch.tensor(value)})
        assert rates(joint) == rates(other_joint)
    assert rates(joint) != [0.1, 0.2]


def test_decay_leaves_the_weights_of_a_base_and_biases_alone() -> None:
    flow = RealNVP([2], n_layers=2, hidden=4, n_modes=3)
    named = dict(flow.named_parameters())
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in named.values():
            parameter.normal_()
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    optimizer = decay_layers_only(AdamW(flow.parameters(), lr=0.1, weight_decay=0.5), flow)
    for parameter in named.values():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in named.items():
        decays = "q0" not in name and parameter.dim() >= 2
        torch.testing.assert_close(parameter.detach(), before[name] * (0.95 if decays else 1.0))
    assert {0.0, 0.5} == {group["weight_decay"] for group in optimizer.param_groups}


def test_an_optimizer_without_decay_stays_as_it_is() -> None:
    flow = RealNVP([2], n_layers=2, hidden=4)
    assert len(decay_layers_only(Adam(flow.parameters()), flow).param_groups) == 1


def test_a_state_that_overflows_is_no_state_to_keep():
    # Each gradient and its square are finite, and their sum is not: weights would stand for ever.
    weight = nn.Parameter(torch.zeros(1))
    joint = JointOptimizer({"energy": Adagrad([weight], lr=0.1)})
    weight.grad = torch.tensor([1e19])
    for _ in range(3):
        joint.step()
    with pytest.raises(NotFiniteError, match="state of the energy's optimizer"):
        joint.step()
    assert weight.isfinite().all()

"""The end of training: the last layer settles where likelihood is highest, and it alone moves."""

import pytest
import torch
from test_resume import assert_equal, everything
from torch import nn

from lightning_ebm import MLP, EBMLightningModule
from lightning_ebm.errors import SettingError
from lightning_ebm.module.settling import FIRST, Settling, last_layer, statistics
from lightning_ebm.registry import find

SETTINGS = {
    "energy_optimizer": lambda p: torch.optim.Adam(p, lr=1e-2),
    "energy_scheduler": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20),
    "energy_average": 0.9,
    "settle_from": 9,
}


class OnALine:
    """An energy of random features on a Gaussian: densities and draws by a grid on the line."""

    def __init__(self, temperature: float, bound: float | None) -> None:
        torch.manual_seed(0)
        self.energy = MLP([1], hidden=[16], zero_start=False, bound=bound)
        self.temperature = temperature
        self.grid = torch.linspace(-6, 6, 2001)[:, None]

    @torch.no_grad()
    def probabilities(self) -> torch.Tensor:
        log_density = -self.energy(self.grid) / self.temperature - self.grid[:, 0].square() / 2
        return log_density.softmax(0)

    def draw(self, n: int) -> torch.Tensor:
        return self.grid[torch.multinomial(self.probabilities(), n, replacement=True)]

    def slopes(self, data: torch.Tensor, components: torch.Tensor) -> torch.Tensor:
        """Of the likelihood along the components, but for T: none where it is highest."""
        s = statistics(self.energy, torch.cat([self.grid, data])) @ components.T
        return s[len(self.grid) :].mean(0) - self.probabilities() @ s[: len(self.grid)]


@pytest.mark.parametrize(("temperature", "bound"), [(1.0, None), (2.5, None), (1.0, 8.0)])
def test_likelihood_ends_where_it_is_highest(temperature, bound):
    """Slopes by sums over a grid: some 1 at first, of which t₀/(t + t₀) = .06 and noise remain."""
    line = OnALine(temperature, bound)
    data = torch.randn(20_000, 1).abs() * torch.where(torch.rand(20_000, 1) < 0.8, 1.0, -1.0)
    settling = Settling(0, 5)
    settling.begin(line.energy, data[:5000], 0)
    at_first = line.slopes(data, settling.begun.components)
    for step in range(1500):
        batch = data[torch.randint(len(data), (256,))]
        values = line.energy(torch.cat([batch, line.draw(64)]))
        line.energy.zero_grad()
        (values[:256].mean() - values[256:].mean()).backward()
        settling.step(line.energy, temperature, step)
    at_last = line.slopes(data, settling.begun.components)
    assert at_last.norm() < 0.1 * at_first.norm()


def test_components_are_of_variance_one_and_statistics_are_the_gradients():
    line = OnALine(1.0, 3.0)
    x = torch.randn(500, 1)
    s = statistics(line.energy, x, chunk=200)
    for k in (0, 499):
        line.energy.zero_grad()
        line.energy(x[k : k + 1]).sum().backward()
        assert torch.allclose(s[k], last_layer(line.energy).weight.grad[0], atol=1e-6)
    settling = Settling(7, 3)
    assert not settling.due(6)
    assert settling.due(7)
    before = torch.get_rng_state()
    settling.begin(line.energy, x, 7)
    assert torch.equal(torch.get_rng_state(), before)
    z = s @ settling.begun.components.T
    assert torch.allclose(z.T.cov(), torch.eye(3), atol=0.02)
    assert settling.gain(7) == 1 / FIRST
    assert settling.gain(57) == 1 / (FIRST + 50)
    assert not settling.due(8)


def test_directions_without_variance_are_left_out():
    energy = nn.Sequential(nn.Linear(2, 6), nn.Linear(6, 1))
    settling = Settling(0, 6)
    settling.begin(energy, torch.randn(300, 2), 0)
    assert len(settling.begun.components) == 2


def test_components_are_those_of_the_first_process(monkeypatch):
    """Others may have met other points: of more than are looked at, each in its own order."""
    monkeypatch.setattr("lightning_ebm.module.settling.of_first", torch.ones_like)
    settling = Settling(0, 2)
    settling.begin(MLP([2], hidden=[4], zero_start=False), torch.randn(50, 2), 0)
    assert torch.equal(settling.begun.components, torch.ones(2, 4))


def test_nothing_but_the_last_layer_moves_from_the_average_on(
    small_module, small_data, small_trainer
):
    clip = 1e-3
    module = small_module(**SETTINGS, energy_clip=clip)
    trainer = small_trainer(max_steps=9)
    trainer.fit(module, datamodule=small_data())
    average = {k: v.clone() for k, v in module.average.module.state_dict().items()}
    rate = trainer.optimizers[0].optimizers["energy"].param_groups[0]["lr"]

    settled = small_module(**SETTINGS, energy_clip=clip)
    trainer = small_trainer(max_steps=30)
    trainer.fit(settled, datamodule=small_data())
    weights = settled.energy.state_dict()
    moved = {key for key in average if not torch.equal(weights[key], average[key])}
    assert moved == {"layers.5.weight"}
    assert trainer.optimizers[0].optimizers["energy"].param_groups[0]["lr"] == rate
    assert last_layer(settled.energy).weight.grad.norm() > clip
    assert torch.equal(settled.average.module.layers[1].weight, average["layers.1.weight"])


def test_a_module_that_is_fitted_again_settles_anew(small_module, small_data, small_trainer):
    module = small_module(**SETTINGS)
    small_trainer(max_steps=12).fit(module, datamodule=small_data())
    before = module.energy.layers[1].weight.clone()
    small_trainer(max_steps=8).fit(module, datamodule=small_data())
    assert module.settling.begun is None
    assert not torch.equal(module.energy.layers[1].weight, before)


@pytest.mark.parametrize("stop", [5, 9, 14])
def test_resumed_is_never_stopped_bit_for_bit(
    stop, small_module, small_data, small_trainer, tmp_path
):
    straight = small_module("flow_mcmc", **SETTINGS)
    small_trainer(max_steps=20).fit(straight, datamodule=small_data())

    stopped = small_module("flow_mcmc", **SETTINGS)
    trainer = small_trainer(max_steps=stop)
    trainer.fit(stopped, datamodule=small_data())
    trainer.save_checkpoint(tmp_path / "stopped.ckpt")

    resumed = small_module("flow_mcmc", **SETTINGS)
    trainer = small_trainer(max_steps=20)
    torch.manual_seed(99)
    trainer.fit(resumed, datamodule=small_data(), ckpt_path=tmp_path / "stopped.ckpt")
    assert_equal(everything(resumed), everything(straight))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"settle_from": -1}, ["settle_from", "-1"]),
        ({"settle_from": 5, "settle_components": 0}, ["settle_components", "0"]),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, words, small_module):
    with pytest.raises(SettingError) as refusal:
        small_module(**settings)
    assert all(word in str(refusal.value) for word in words)


def test_an_energy_without_a_last_linear_layer_is_refused():
    class Quadratic(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):
            return self.scale * x.square().sum(1)

    with pytest.raises(SettingError, match=r"Quadratic, whose last linear layer.*settle_from"):
        EBMLightningModule(Quadratic(), find("mala")(), settle_from=3)

"""Energies inside a user's own network see data standardised as that network hands them on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lightning_ebm import MLP
from lightning_ebm.energies.standardising import fit_standardisations


class Own(nn.Module):
    """A user's network round an energy."""

    def __init__(self, energy: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.energy, self.call = energy, call

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self.energy, x)


def data() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 5.0 + 3.0 * torch.randn(1200, 2, generator=generator)


def halved(energy: nn.Module) -> nn.Module:
    before = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        before.weight.copy_(torch.eye(2) / 2)
    return nn.Sequential(before, energy)


@pytest.mark.parametrize(
    ("wrap", "factor"),
    [
        (lambda energy: energy, 1.0),
        (nn.Sequential, 1.0),
        (halved, 0.5),
        (lambda energy: Own(energy, lambda part, x: part(x)), 1.0),
        (lambda energy: Own(energy, lambda part, x: part(x=x)), 1.0),
        (lambda energy: Own(energy, lambda part, x: part(x) + part(-7 * x)), 1.0),
        (lambda energy: Own(torch.compile(energy, backend="eager"), lambda e, x: e(2 * x)), 2.0),
        (lambda energy: torch.compile(halved(energy), backend="eager"), 0.5),
    ],
    ids=["bare", "Sequential", "layer", "own", "keyword", "twice", "compiled", "all compiled"],
)
def test_an_energy_is_fitted_to_what_it_is_given(
    wrap: Callable[[nn.Module], nn.Module], factor: float
) -> None:
    energy = MLP([2], hidden=[4])
    x, network = data(), wrap(energy)
    before = [module.training for module in network.modules()]
    fit_standardisations(network, x)
    alone = MLP([2], hidden=[4])
    alone.initialise(factor * x)
    torch.testing.assert_close(energy.location, alone.location)
    torch.testing.assert_close(energy.scale, alone.scale)
    assert [module.training for module in network.modules()] == before
    assert not energy._forward_pre_hooks


def test_each_of_several_energies_is_fitted_and_one_that_is_not_used_stays() -> None:
    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.spare = (MLP([2], hidden=[4]) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            return self.first(x) + self.second(10 * x)

    network = Product()
    fit_standardisations(network, data())
    assert float(network.second.scale / network.first.scale) == pytest.approx(10, rel=1e-5)
    assert float(network.spare.scale) == 1

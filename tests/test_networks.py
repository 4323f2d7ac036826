"""Networks are frozen and given back as they were; those that couple points are refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lightning_ebm.errors import SettingError
from lightning_ebm.networks import check_energy, frozen, refuse_batch_norm


def mixed() -> nn.Module:
    """Return a network of which one layer is in eval mode and one parameter is not trained."""
    network = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Sequential(nn.Linear(3, 1)))
    network[1].eval()
    network[0].bias.requires_grad_(requires_grad=False)
    return network


def flags(network: nn.Module) -> list[bool]:
    return [m.training for m in network.modules()] + [
        p.requires_grad for p in network.parameters()
    ]


def test_inside_nothing_is_in_training_and_nothing_wants_gradients():
    network, other = mixed(), mixed()
    with frozen(network, other):
        assert not any(flags(network))
        assert not any(flags(other))


def test_every_flag_is_restored():
    network = mixed()
    before = flags(network)
    with frozen(network):
        pass
    assert flags(network) == before
    assert len(set(before)) == 2


def test_every_flag_is_restored_after_an_exception():
    network = mixed()
    before = flags(network)
    with pytest.raises(RuntimeError, match="diverged"), frozen(network):
        raise RuntimeError("diverged")
    assert flags(network) == before


def test_a_network_given_twice_or_inside_another_is_restored():
    network = mixed()
    before = flags(network)
    with frozen(network, network[2], network), frozen(network):
        assert not any(flags(network))
    assert flags(network) == before


def test_what_was_frozen_before_stays_frozen():
    network = mixed().eval().requires_grad_(requires_grad=False)
    with frozen(network):
        pass
    assert not any(flags(network))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda network: nn.ModuleList([network, network]),
        torch.jit.script,
        lambda network: torch.compile(network, backend="eager"),
        nn.DataParallel,
    ],
    ids=["twice in another", "script", "compile", "DataParallel"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_wraps_a_network_is_frozen_with_it_and_restored(wrap):
    network = wrap(mixed())
    before = flags(network)
    with frozen(network):
        assert not any(flags(network))
    assert flags(network) == before
    assert len(set(before)) == 2


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.SyncBatchNorm(3), nn.LazyBatchNorm1d()])
def test_batch_normalisation_is_refused_by_its_name(layer):
    energy = nn.Sequential(nn.Linear(2, 3), nn.Sequential(layer), nn.Linear(3, 1))
    with pytest.raises(SettingError, match=rf"a {type(layer).__name__} layer \('1.0'\)"):
        refuse_batch_norm(energy)


def test_normalisation_of_one_point_is_allowed():
    energy = nn.Sequential(nn.Linear(2, 4), nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.Linear(4, 1))
    refuse_batch_norm(energy)
    check_energy(energy, torch.randn(8, 2))


class Coupled(nn.Module):
    """An energy that subtracts the mean of its batch."""

    def forward(self, x):
        return (x - x.mean(0)).square().sum(1)


def test_an_energy_that_couples_the_points_of_a_batch_is_refused():
    torch.manual_seed(1)
    with pytest.raises(SettingError, match="when other points are in its batch"):
        check_energy(Coupled(), torch.randn(8, 2))


@pytest.mark.parametrize("shape", [(4, 2), (4, 1, 1), (), (8,)])
def test_an_energy_of_another_shape_is_refused(shape):
    class Wrong(nn.Module):
        def forward(self, x):
            return torch.zeros(shape)

    with pytest.raises(SettingError, match="one number per point"):
        check_energy(Wrong(), torch.randn(4, 2))


@pytest.mark.parametrize("last", [nn.Identity(), nn.Flatten(0)])
def test_one_number_per_point_may_have_a_dimension_of_its_own(last):
    check_energy(nn.Sequential(nn.Linear(2, 1), last), torch.randn(4, 2))


def test_dropout_is_no_coupling_and_checking_changes_no_flag():
    torch.manual_seed(2)
    network = nn.Sequential(nn.Linear(2, 64), nn.Dropout(0.5), nn.Linear(64, 1))
    before = flags(network)
    check_energy(network, torch.randn(4, 2))
    assert flags(network) == before

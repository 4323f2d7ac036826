"""Networks that are given few points at a time: the same chains, for less memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lightning_ebm import MLP, Problem, RealNVP
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import MALA
from lightning_ebm.problem import Tilt
from lightning_ebm.registry import find, registered_names
from lightning_ebm.sampler import MCMC
from lightning_ebm.starts import Noise
from sampler_plugins.flow_tempering import FlowTemperingSampler

CHUNK = 7


class Watched(nn.Module):
    """An energy that remembers the largest batch that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.network = MLP([2], zero_start=False)
        self.largest = 0

    def forward(self, x: Tensor) -> Tensor:
        self.largest = max(self.largest, len(x))
        return self.network(x).flatten()


def drawn(name, chunk_size, *, tilted):
    torch.manual_seed(3)
    energy, flow = Watched().double(), RealNVP([2]).double()
    flow.initialise(torch.randn(100, 2, dtype=torch.float64))
    reference = GaussianBase(event_shape=(2,)).double()
    density = (lambda x: -energy(x)) if not tilted else Tilt(lambda x: -energy(x), flow)
    problem = Problem(
        density,
        (2,),
        reference,
        proposal=flow,
        flow=flow,
        data=torch.randn(30, 2, dtype=torch.float64),
        networks=(energy, flow),
    )
    sampler = find(name)(chunk_size=chunk_size)
    draws = [sampler(problem, 20).x for _ in range(2)]
    return torch.cat(draws), torch.get_rng_state(), energy.largest, problem.evaluations


@pytest.mark.parametrize("tilted", [False, True])
@pytest.mark.parametrize("name", registered_names())
def test_chains_are_the_same_by_parts(name, tilted):
    whole, parts = (drawn(name, size, tilted=tilted) for size in (None, CHUNK))
    torch.testing.assert_close(parts[0], whole[0], rtol=1e-9, atol=1e-9)
    assert torch.equal(parts[1], whole[1])
    assert whole[2] >= 20
    assert parts[2] == CHUNK
    assert parts[3] == whole[3]


@pytest.mark.parametrize(
    "make",
    [lambda **given: MCMC(Noise(), MALA(), 1, **given), FlowTemperingSampler],
    ids=["MCMC", "flow_tempering"],
)
def test_a_compiled_block_takes_no_parts(make):
    with pytest.raises(SettingError, match="chunk_size is 5 and compile is true"):
        make(compile=True, chunk_size=5)


@pytest.mark.parametrize("name", ["mala", "flow_tempering"])
def test_a_part_has_at_least_one_point(name):
    with pytest.raises(SettingError, match="chunk_size is 0: it must be at least 1"):
        find(name)(chunk_size=0)

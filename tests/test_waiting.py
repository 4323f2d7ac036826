"""No step asks for a number that is being computed: a GPU is waited for once a draw.

On a CPU nothing waits, but what would is seen: to become a Python number, or to choose by a mask,
a tensor must be computed. Where a GPU is, torch itself is asked to allow no synchronisation.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_ebm import MLP, Problem, RealNVP
from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.chain import Chain
from lightning_ebm.kernels import HMC, MALA, ULA, Kernel, unadjusted
from lightning_ebm.registry import find

WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2"}
MASKS = {"index", "index_put", "index_put_"}


class Waiting(TorchDispatchMode):
    """Counts what a GPU would have to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.__name__.partition(".")[0]
        masks = name in MASKS and any(i is not None and i.dtype == torch.bool for i in args[1])
        self.count += name in WAITING or masks
        return func(*args, **(kwargs or {}))


def problem(device: str = "cpu") -> Problem:
    torch.manual_seed(0)
    energy, flow = MLP([2], hidden=[8]), RealNVP([2], n_layers=2, hidden=8)
    energy.to(device)
    flow.to(device)
    flow.initialise(torch.randn(64, 2, device=device))
    return Problem(
        lambda x: -energy(x),
        (2,),
        GaussianBase(event_shape=(2,)).to(device),
        proposal=flow,
        flow=flow,
        networks=(energy, flow),
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("name", "length", "most"),
    [
        ("ula", "n_steps", 1),
        ("mala", "n_steps", 1),
        ("hmc", "n_steps", 1),
        ("flow_mcmc", "n_local", 1),
        ("coopflow", "n_steps", 1),
        ("nt_ebm", "n_steps", 1),
        ("flow_tempering", "n_rounds", 2),
    ],
)
def test_a_draw_waits_as_often_however_many_steps_it_has(
    name: str,
    length: str,
    most: int,
    training: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unadjusted, "answers_at_once", lambda _: False)
    for n in (2, 9):
        sampler = find(name)(**{length: n}).train(training)
        target = problem()
        sampler(target, 8)
        with Waiting() as waiting:
            sampler(target, 8)
        assert waiting.count <= most, n


def test_what_waits_is_counted() -> None:
    x = torch.arange(3.0)
    with Waiting() as waiting:
        x.max().item()
        x[x > 1]
        bool(x[0])
        torch.where(x > 1, x, x[:1])
    assert waiting.count == 3


def test_a_stretch_that_never_asks_is_one_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chains of a GPU's steps are those of a CPU's, to the bit."""
    ends = []
    for answers in (True, False):
        monkeypatch.setattr(unadjusted, "answers_at_once", lambda _, answers=answers: answers)
        target = problem()
        torch.manual_seed(1)
        ends.append(ULA(0.1).run(target, Chain(torch.randn(8, 2)), 7)[0].x)
    assert torch.equal(*ends)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is at hand")
@pytest.mark.parametrize("make", [lambda: ULA(0.1), lambda: MALA(0.1), lambda: HMC(0.1, 3)])
def test_a_gpu_is_not_waited_for_within_steps(make: Callable[[], Kernel]) -> None:
    target, kernel = problem("cuda"), make()
    chain = kernel.prepare(target, Chain(torch.randn(64, 2, device="cuda")))
    kernel.run(target, chain, 5)
    torch.cuda.set_sync_debug_mode("error")
    try:
        kernel.run(target, chain, 20)
    finally:
        torch.cuda.set_sync_debug_mode("default")

"""Proposals of several steps are made together; the chain is that of one step after another."""

from __future__ import annotations

import pytest
import torch
from targets import bad_proposal, check_draws, two_directions
from torch import Tensor

from lightning_ebm.chain import Chain
from lightning_ebm.kernels import IMH, ISIR, MALA, Cycle, in_a_row
from lightning_ebm.kernels.independent import TOGETHER

KERNELS = {
    "IMH": IMH,
    "ISIR": lambda: ISIR(4),
    "Cycle": lambda: Cycle([IMH(), MALA(0.15)], [5, 1]),
}


class Counted:
    """A proposal that notes how many points it is asked for, each time."""

    def __init__(self) -> None:
        self.inner = bad_proposal(2)
        self.made: list[int] = []
        self.judged: list[int] = []

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw n points."""
        self.made.append(n)
        return self.inner.sample(n)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of points."""
        self.judged.append(len(x))
        return self.inner.log_prob(x)


@pytest.mark.parametrize("name", KERNELS)
def test_chains_that_start_from_the_target_keep_it(name):
    torch.manual_seed(4)
    known = two_directions()
    x, _ = known.sample(20_000)
    problem, kernel = known.problem(proposal=bad_proposal(2)), KERNELS[name]()
    ends = [in_a_row(kernel, problem, Chain(part), 12)[0].x for part in x.split(1000)]
    check_draws(torch.cat(ends), known)


@pytest.mark.parametrize(
    ("kernel", "n", "steps", "made", "judged"),
    [
        (IMH(), 10, 6, [60], [10]),
        (ISIR(4), 10, 6, [240], [10]),
        (IMH(), 1500, 5, [3000, 3000, 1500], [1500]),
        (IMH(), TOGETHER + 1, 2, [TOGETHER + 1] * 2, [TOGETHER + 1]),
        (Cycle([IMH(), MALA(0.1)], [5, 1]), 10, 2, [50, 50], [10, 10]),
    ],
    ids=["IMH", "ISIR", "in parts", "one by one", "Cycle"],
)
def test_a_proposal_is_asked_once_for_several_steps(kernel, n, steps, made, judged):
    torch.manual_seed(5)
    proposal = Counted()
    problem = two_directions().problem(proposal=proposal)
    chain, _ = in_a_row(kernel, problem, Chain(torch.randn(n, 2, dtype=torch.float64)), steps)
    assert proposal.made == made
    assert proposal.judged == judged
    if chain.log_proposal is not None:
        assert torch.equal(chain.log_proposal, proposal.inner.log_prob(chain.x))


def test_a_class_with_a_step_of_its_own_does_not_run_anothers():
    class Still(IMH):
        def step(self, problem, chain):
            return chain, {}

    x = torch.randn(3, 2, dtype=torch.float64)
    problem = two_directions().problem(proposal=bad_proposal(2))
    assert torch.equal(Still().run(problem, Chain(x), 3)[0].x, x)

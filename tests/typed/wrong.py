"""Mistakes that a type checker must find, a line each: `tests/test_types.py`."""

from torch import Tensor, nn

import lightning_ebm
from lightning_ebm import Draw, EBMLightningModule, Problem, Sampler
from sampler_plugins.ula import ULASampler


class Forgetful(Sampler):
    """A sampler that returns points in place of a draw."""

    def sample(self, problem: Problem, n: int) -> Tensor:  # wrong
        """Draw n points."""
        draw: Draw = problem.reference.sample(n)  # wrong
        return draw.x


EBMLightningModule(energy="mlp", sampler=ULASampler())  # wrong
EBMLightningModule(nn.Linear(2, 1), sampler="ula")  # wrong
lightning_ebm.sample(nn.Linear(2, 1), target_is="potential")  # wrong
lightning_ebm.sample(lambda x: -x.square().sum(1), n_chain=10)  # wrong

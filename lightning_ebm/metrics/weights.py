"""Weights of modes and classes as torchmetrics metrics, with errors that know of chains."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_ebm.evaluation.known_density import KnownDensity

Membership = Callable[[Tensor], Tensor]
"""How far each point `(n, *event)` belongs to each group, `(n, K)`, rows summing to 1."""


class Weights(NamedTuple):
    """Weights of K groups and what they are worth.

    Attributes:
        value: share of each group, `(K,)`.
        standard_error: of each, from the spread between chains, `(K,)`.
        effective_draws: independent draws that would be as certain, w(1 - w)/error², `(K,)`.
    """

    value: Tensor
    standard_error: Tensor
    effective_draws: Tensor


class MembershipWeights(Metric):
    """Share of the points in each group, over all updates and processes.

    `update` takes chains, which are independent of each other while their own draws are not. The
    error is therefore that of the chains' means: √(Var_c(mean of chain c) / C).

    Args:
        membership: maps points to their groups.
        n_groups: K.
    """

    full_state_update = False
    higher_is_better = None
    is_differentiable = False

    def __init__(self, membership: Membership, n_groups: int) -> None:
        super().__init__()
        self.membership = membership
        zeros = torch.zeros(n_groups, dtype=torch.float64)
        self.add_state("sums", zeros.clone(), dist_reduce_fx="sum")
        self.add_state("squares", zeros.clone(), dist_reduce_fx="sum")
        self.add_state("chains", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, draws: Tensor) -> None:
        """Count the draws `(draws, chains, *event)` of independent chains."""
        groups = self.membership(draws.flatten(0, 1)).double()
        means = groups.view(len(draws), -1, groups.shape[1]).mean(0)
        self.sums += means.sum(0)
        self.squares += means.square().sum(0)
        self.chains += len(means)

    def compute(self) -> Weights:
        """Weights, errors and effective draws."""
        value = self.sums / self.chains
        variance = (self.squares / self.chains - value.square()).clamp(min=0)
        error = (variance / (self.chains - 1)).sqrt()
        return Weights(value, error, value * (1 - value) / error.square())


class ModeWeights(MembershipWeights):
    """Weights of the modes of a known density, by responsibility.

    Args:
        density: knows its modes.
    """

    def __init__(self, density: KnownDensity) -> None:
        super().__init__(density.responsibilities, len(density.mode_weights))


class ClassWeights(MembershipWeights):
    """Weights of the classes of images, each image counted for the class it is taken for.

    Args:
        classifier: maps points `(n, *event)` to logits `(n, K)`.
        n_classes: K.
    """

    def __init__(self, classifier: Callable[[Tensor], Tensor], n_classes: int) -> None:
        @torch.no_grad()
        def membership(x: Tensor) -> Tensor:
            classes = torch.cat([classifier(part).argmax(1) for part in x.split(1024)])
            return torch.nn.functional.one_hot(classes, n_classes)

        super().__init__(membership, n_classes)

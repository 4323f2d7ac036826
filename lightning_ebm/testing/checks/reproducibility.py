"""Is a draw a function of the seed and the saved state, and of nothing else?"""

from __future__ import annotations

import copy
import io

import torch
from torch import Tensor

from lightning_ebm.random_state import isolated, random_state
from lightning_ebm.sampler import Sampler
from lightning_ebm.testing.targets import correlated


def same_seed_same_chains(sampler: Sampler) -> tuple[bool, str]:
    """Two copies with the same seed draw the same, with another seed they do not."""
    first, again, other = (_draws(copy.deepcopy(sampler), seed) for seed in (5, 5, 6))
    if not torch.equal(first, again):
        return False, f"with one seed chains differ by up to {(first - again).abs().max():.2g}"
    if torch.equal(first, other):
        return False, "another seed gives the same chains: the generator is not torch's own"
    return True, "bit for bit"


def state_restored(sampler: Sampler) -> tuple[bool, str]:
    """A fresh copy that takes up the saved state goes on as the original, on a target that moved.

    What the original knew of the old target and keeps beside its state shows at the first draw.
    """
    fresh = copy.deepcopy(sampler)
    known = correlated()
    torch.manual_seed(2)
    problem = known.problem(known)
    for _ in range(4):
        sampler(problem, 32)
    file = io.BytesIO()
    torch.save(sampler.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    moved = correlated(temperature=2.0)
    problem = moved.problem(moved)
    ends = []
    for one in (sampler, fresh):
        torch.manual_seed(3)
        ends.append(torch.stack([one(problem, 32).x for _ in range(3)]))
    if not torch.equal(*ends):
        return False, f"it goes on elsewhere, by up to {(ends[0] - ends[1]).abs().max():.2g}"
    return True, "bit for bit, loaded with weights_only"


def randomness_left_alone(sampler: Sampler) -> tuple[bool, str]:
    """A draw for evaluation, inside `isolated`, leaves every generator as it was."""
    known = correlated()
    problem = known.problem(known)
    before = random_state()
    with isolated():
        sampler(problem, 16)
    after = random_state()
    for name, state in before.items():
        if not _equal(state, after[name]):
            return False, f"the generator of {name} is not where it was"
    return True, "torch, NumPy and Python"


def _draws(sampler: Sampler, seed: int) -> Tensor:
    torch.manual_seed(1)
    known = correlated()
    problem = known.problem(known)
    torch.manual_seed(seed)
    return torch.stack([sampler(problem, 32).x for _ in range(3)])


def _equal(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    return one == other

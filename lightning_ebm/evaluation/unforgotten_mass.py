"""Mass of the model that a ladder may have missed: where columns begun far apart stay."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lightning_ebm.evaluation.log_z import UNSEEN
from lightning_ebm.evaluation.overdispersed import forget
from lightning_ebm.evaluation.search import look_around, widened_noise
from lightning_ebm.evaluation.unseen_mass import BATCH, N_NOISE, Search, shares_where_they_stay
from lightning_ebm.problem import Problem
from lightning_ebm.tempering import LadderRecord

SNAPSHOTS = 2
"""States of a chain that are weighed, where each weight is some annealed paths."""


def look_for_unforgotten_mass(
    problem: Problem,
    space: Problem,
    ladder: LadderRecord,
    samples: dict[str, Tensor],
    shares: Callable[[Tensor], Tensor],
    log_z: float,
    n_steps: int,
) -> Search:
    """Begin columns of the ladder at samples and where chains from noise came; see which stay.

    A column that the flow did not renew may be where the ladder's own never come, or just slow:
    what annealed paths account for, or what is too little, does not speak against log Z.

    Args:
        problem: the model.
        space: the same in the space in which the ladder moves.
        ladder: its run, of columns born from the flow.
        samples: points `(n, *event)` by the name of where they come from.
        shares: what annealed paths leave unaccounted for where states `(draws, n, *event)` are.
        log_z: what the ladder says.
        n_steps: steps of chains from noise, and a fifth of those where columns stay; with 0 there
            are none, and a column that stays may hold all.
    """
    starts = dict(samples)
    if n_steps > 0:
        noise = widened_noise(problem.reference, N_NOISE).to(next(iter(samples.values())))
        starts["noise"] = look_around(problem, {"noise": noise}, n_steps).points[-1]
    sizes = [len(x) for x in starts.values()]
    found = forget(space, ladder, torch.cat(list(starts.values())))
    noise = torch.arange(sum(sizes), device=found.last.device) >= sum(map(len, samples.values()))
    unseen = (~found.forgotten).double()
    stay = unseen.nonzero()[:, 0]
    # A batch at a time, until one of them is confirmed or all are cleared.
    for rows in stay.split(BATCH) if n_steps > 0 and len(stay) else ():
        unseen[rows] = shares_where_they_stay(
            problem, found.last[rows], noise[rows], shares, log_z, n_steps, SNAPSHOTS
        ).clamp(max=1.0)
        if (unseen[rows] > UNSEEN).any():
            break
    parts = dict(zip(starts, unseen.split(sizes), strict=True))
    names = ", ".join(f"{len(x)} from {name}" for name, x in starts.items())
    doubts = [
        f"ladder misses mass: up to {float(share.max()):.1%} of the model may lie where "
        f"{int((share > UNSEEN).sum())} of {len(share)} columns begun from {name} stay, which the "
        f"flow did not renew within {found.n_rounds} rounds"
        for name, share in parts.items()
        if (share > UNSEEN).any()
    ]
    looked = f"{len(unseen)} columns of the ladder, wherever they began ({names}),"
    return Search(float(unseen.max()), looked, doubts)

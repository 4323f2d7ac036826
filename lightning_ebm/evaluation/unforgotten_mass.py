"""Mass of the model that a ladder may have missed: where columns begun far apart stay."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_ebm.evaluation.log_z import UNSEEN, local_log_masses
from lightning_ebm.evaluation.overdispersed import forget
from lightning_ebm.evaluation.search import look_around, widened_noise
from lightning_ebm.evaluation.unseen_mass import BATCH, LONGER, N_NOISE, N_STATES, Search
from lightning_ebm.problem import Problem
from lightning_ebm.tempering import LadderRecord


def look_for_unforgotten_mass(
    problem: Problem,
    space: Problem,
    ladder: LadderRecord,
    samples: dict[str, Tensor],
    log_z: float,
    n_steps: int,
) -> Search:
    """Begin columns of the ladder at samples and where chains from noise came; see which stay.

    Args:
        problem: the model.
        space: the same in the space in which the ladder moves.
        ladder: its run, of columns born from the flow.
        samples: points `(n, *event)` by the name of where they come from.
        log_z: what the ladder says.
        n_steps: steps of chains from noise, and a fifth of those of columns that stay; with 0
            there are none, and a column that stays may hold all.
    """
    starts = dict(samples)
    if n_steps > 0:
        noise = widened_noise(problem.reference, N_NOISE)
        starts["noise"] = look_around(problem, {"noise": noise}, n_steps).points[-1]
    found = forget(space, ladder, torch.cat(list(starts.values())))
    shares = torch.zeros(len(found.forgotten), dtype=torch.float64, device=found.last.device)
    stay = (~found.forgotten).nonzero()[:, 0]
    shares[stay] = 1.0
    # A batch at a time, until one of them is confirmed or all are cleared.
    for rows in stay.split(BATCH) if n_steps > 0 and len(stay) else ():
        shares[rows] = _shares(problem, found.last[rows], LONGER * n_steps, log_z)
        if (shares[rows] > UNSEEN).any():
            break
    parts = dict(zip(starts, shares.split([len(x) for x in starts.values()]), strict=True))
    names = ", ".join(f"{len(x)} from {name}" for name, x in starts.items())
    doubts = [
        f"ladder misses mass: up to {float(share.max()):.1%} of the model may lie where "
        f"{int((share > UNSEEN).sum())} of {len(share)} columns begun from {name} stay, which the "
        f"flow did not renew within {found.n_rounds} rounds"
        for name, share in parts.items()
        if (share > UNSEEN).any()
    ]
    looked = f"{len(shares)} columns, renewed by the flow wherever they began ({names}),"
    return Search(float(shares.max()), looked, doubts)


def _shares(problem: Problem, x: Tensor, n_steps: int, log_z: float) -> Tensor:
    """At most how much of the model lies in the region of each of `(n, *event)`, `(n,)`.

    What still climbs is on its way to where the model is.
    """
    trails = look_around(problem, {"columns": x}, n_steps, N_STATES)
    local = (local_log_masses(trails.points, trails.log_prob) - log_z).exp().clamp(max=1.0)
    moves = (trails.points != trails.points[:1]).flatten(2).any(2).any(0)
    return local.masked_fill(moves & ~trails.settled, 0.0)

"""log Z of a model from all that was gathered: by flow, by ladder or by annealing, questioned."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from lightning_ebm.evaluation.evidence import Evidence
from lightning_ebm.evaluation.log_z import (
    Sandwich,
    annealed_sandwich,
    flow_sandwich,
    ladder_sandwich,
    unaccounted_shares,
)
from lightning_ebm.evaluation.quadrature import evaluate
from lightning_ebm.evaluation.search import SNAPSHOTS
from lightning_ebm.evaluation.unforgotten_mass import look_for_unforgotten_mass
from lightning_ebm.evaluation.unseen_mass import Search, Weights, look_for_unseen_mass
from lightning_ebm.needed import needed

DRIFT = 0.1
"""Nats by which energies of fresh chains may change over the draws that count."""
N_PATHS, N_BACKWARD, N_DATA_LADDER, N_ENDS_LADDER = 1024, 2, 32, 48
"""Annealed paths from the flow beside a ladder, back to it from every point; columns of the ladder
that begin at each kind of data, and at fresh chains."""
N_DATA_ANNEALED, N_ENDS_ANNEALED, SNAPSHOTS_ANNEALED = 48, 32, 4
"""Where a weight is a whole annealed path: of each kind of data, of chains, of states."""


def estimated(evidence: Evidence) -> Sandwich | None:
    """Log Z between its two ends, with what speaks against it; None if nothing was weighed.

    With a flow: importance sampling from it and to it, and the bridge; where its draws are worth
    little, the ladder from it to the model, beside annealing along that ladder. Without: annealing
    from the reference and back. Chains then look for mass that none of these has met.
    """
    if evidence.weighted is None:
        return None
    if evidence.flow is None:
        sandwich = _annealed(evidence)
    elif evidence.ladder is not None and not evidence.flow_tells:
        sandwich = _by_ladder(evidence)
    else:
        sandwich = _with_flow(evidence)
    return replace(sandwich, doubts=sandwich.doubts + _drift(evidence))


def _with_flow(evidence: Evidence) -> Sandwich:
    weighted, settled = needed(evidence.weighted), evidence.settled
    weights = weighted.log_weights
    sandwich = flow_sandwich(
        weights, evidence.log_weights(settled.flatten(0, 1)), chains=settled.shape[1]
    )
    samples = _held_out(evidence.data) | {"the flow": weighted.x}
    draws = evidence.draws[-1]
    return _questioned(
        sandwich, evidence, samples, draws, evidence.log_weights, SNAPSHOTS, weights
    )


def _by_ladder(evidence: Evidence) -> Sandwich:
    ladder = needed(evidence.ladder)
    if evidence.during_fit:
        # A few rounds of training's own chains: a figure to watch, without what questions it.
        return ladder_sandwich(ladder)
    path, n = evidence.annealing_from_flow, evidence.annealing_chains
    forward = torch.cat([path.forward(n).log_weights for _ in range(N_PATHS // n)])
    top = path.problem.from_data(ladder.states[-1, -1])
    sandwich = ladder_sandwich(ladder, annealed_sandwich(forward, path.backward(top)))

    def shares(points: Tensor) -> Tensor:
        """By log p̃/q, q the density with which annealed paths end: 1/w averages to q/p̃."""
        z = path.problem.from_data(points.flatten(0, 1))
        parts = z.repeat(N_BACKWARD, *(1 for _ in z.shape[1:])).split(n)
        inverse = -torch.cat([path.backward(part) for part in parts]).view(N_BACKWARD, -1)
        weights = math.log(N_BACKWARD) - inverse.logsumexp(0)
        return unaccounted_shares(weights.view(points.shape[:2]), forward, sandwich.log_z)

    samples = _held_out(_telling(evidence, N_DATA_LADDER))
    found = look_for_unforgotten_mass(
        evidence.problem,
        evidence.space,
        ladder,
        samples | {"fresh chains": evidence.draws[-1][:N_ENDS_LADDER]},
        shares,
        sandwich.log_z,
        evidence.search_steps,
    )
    return _told(sandwich, found)


def _annealed(evidence: Evidence) -> Sandwich:
    ends = evidence.draws[-1][: evidence.annealing_chains]
    path, weights = needed(evidence.annealing), needed(evidence.weighted).log_weights
    sandwich = annealed_sandwich(weights, path.backward(ends))
    samples = _held_out(_telling(evidence, N_DATA_ANNEALED))
    draws = ends[:N_ENDS_ANNEALED]
    return _questioned(
        sandwich, evidence, samples, draws, path.backward, SNAPSHOTS_ANNEALED, weights
    )


def _held_out(x: Tensor) -> dict[str, Tensor]:
    """Points by their origin, where there are any: log Z can be estimated without data."""
    return {"held-out data": x} if len(x) > 0 else {}


def _telling(evidence: Evidence, n: int) -> Tensor:
    """Some 3n of the held-out points, since a weight costs a whole path here, `(3n, *event)`.

    Those farthest from what was annealed, those of highest density, and evenly spaced ones.
    """
    x, annealed = evidence.data, needed(evidence.weighted).x
    n = min(n, len(x))
    if n == 0:
        return x
    distances = torch.cdist(x.flatten(1), annealed.flatten(1)).amin(1)
    density = evaluate(evidence.problem.log_density, x)
    ordinary = torch.linspace(0, len(x) - 1, n, device=x.device).long()
    return x[torch.cat([distances.topk(n).indices, density.topk(n).indices, ordinary]).unique()]


def _questioned(
    sandwich: Sandwich,
    evidence: Evidence,
    samples: dict[str, Tensor],
    draws: Tensor,
    log_weights: Weights,
    snapshots: int,
    proposal_weights: Tensor,
) -> Sandwich:
    found = look_for_unseen_mass(
        evidence.problem,
        samples,
        draws,
        log_weights,
        proposal_weights,
        sandwich.log_z,
        evidence.search_steps,
        sandwich.proposal,
        snapshots,
    )
    return _told(sandwich, found)


def _told(sandwich: Sandwich, found: Search) -> Sandwich:
    doubts = sandwich.doubts + found.doubts
    return replace(sandwich, doubts=doubts, looked=found.looked, unseen=found.unseen)


def _drift(evidence: Evidence) -> list[str]:
    """Whether chains are still on their way: paired change of their energies, chain by chain."""
    if not evidence.followed or len(evidence.settled) < 2:
        return []
    settled = evidence.settled
    energy = -evaluate(evidence.problem.log_density, settled.flatten(0, 1)).view(settled.shape[:2])
    first, second = energy.chunk(2)
    change = second.mean(0) - first.mean(0)
    error = float(change.std()) / math.sqrt(len(change))
    drift = float(change.mean())
    if abs(drift) > max(4 * error, DRIFT):
        return [f"fresh chains are still on their way: their energy changes by {drift:+.2f} nats"]
    return []

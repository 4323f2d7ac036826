"""log Z as a sandwich, and the likelihood of held-out data that follows from it."""

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
)
from lightning_ebm.evaluation.measures.measure import Figures, Measure
from lightning_ebm.evaluation.quadrature import evaluate
from lightning_ebm.evaluation.search import SNAPSHOTS
from lightning_ebm.evaluation.unseen_mass import Weights, look_for_unseen_mass

DRIFT = 0.1
"""Nats by which energies of fresh chains may change over the draws that count."""
N_PATHS, N_BACKWARD, SNAPSHOTS_LADDER, N_ENDS_LADDER = 1024, 2, 2, 96
"""Annealed paths from the flow that question a ladder, back to it from every point; points of
each chain that looks around, and fresh chains."""
N_DATA_ANNEALED, N_ENDS_ANNEALED, SNAPSHOTS_ANNEALED = 48, 32, 4
"""Where a weight is a whole annealed path: of each kind of data, of chains, of states."""


class Likelihood(Measure):
    """log Z from below and above; test likelihood, and bits per dimension.

    With a flow: importance sampling from it and to it, and the bridge; where its draws are worth
    little, the ladder from it to the model, beside annealing along that ladder. Without: annealing
    from the reference and back. What takes a while is left to `test`, outside `fit`. Chains then
    look for mass that none of these has met. The verdict is concluded when all measures have had
    their say.
    """

    def __call__(self, evidence: Evidence) -> Figures:
        """`log_z/...`; `test/nll` and `model/log_z` where nothing exacter gave them.

        Beside them `flow/nll`, so that what the energy adds to its flow is seen.
        """
        if evidence.weighted is None:
            return {}
        if evidence.flow is None:
            sandwich = _annealed(evidence)
        elif evidence.ladder is not None and not evidence.flow_tells:
            sandwich = _by_ladder(evidence)
        else:
            sandwich = _with_flow(evidence)
        sandwich = replace(sandwich, doubts=sandwich.doubts + _drift(evidence))
        evidence.sandwich = sandwich
        figures: Figures = dict(sandwich.scalars())
        if evidence.flow is not None:
            figures["flow/nll"] = -evaluate(evidence.flow.log_prob, evidence.data).mean()
        if evidence.log_z is not None:
            figures |= _against_quadrature(evidence, sandwich)
        if evidence.density is None:
            figures["model/log_z"] = sandwich.log_z
            figures |= _likelihood(evidence, sandwich)
        return figures


def _against_quadrature(evidence: Evidence, sandwich: Sandwich) -> Figures:
    if math.isnan(evidence.log_z):
        return {"log_z/error": math.nan, "log_z/covers_quadrature": math.nan}
    low, high = sandwich.interval
    covers = low <= evidence.log_z <= high
    if not covers:
        evidence.doubts.append(f"log Z by quadrature is {evidence.log_z:.3f}")
    return {
        "log_z/error": sandwich.log_z - evidence.log_z,
        "log_z/covers_quadrature": float(covers),
    }


def _with_flow(evidence: Evidence) -> Sandwich:
    weights, settled = evidence.weighted.log_weights, evidence.settled
    sandwich = flow_sandwich(
        weights, evidence.log_weights(settled.flatten(0, 1)), chains=settled.shape[1]
    )
    samples = {"held-out data": evidence.data, "the flow": evidence.weighted.x}
    draws = evidence.draws[-1]
    return _questioned(
        sandwich, evidence, samples, draws, evidence.log_weights, SNAPSHOTS, weights
    )


def _by_ladder(evidence: Evidence) -> Sandwich:
    if evidence.during_fit:
        # A few rounds of training's own chains: a figure to watch, without what questions it.
        return ladder_sandwich(evidence.ladder)
    path, n = evidence.annealing_from_flow, evidence.annealing_chains

    def backward(x: Tensor) -> Tensor:
        return torch.cat([path.backward(part) for part in x.split(n)])

    def log_weights(x: Tensor) -> Tensor:
        """Log p̃/q, q the density with which annealed paths end at x: 1/w averages to q/p̃."""
        z = path.problem.from_data(x)
        inverse = -torch.stack([backward(z) for _ in range(N_BACKWARD)])
        return math.log(N_BACKWARD) - inverse.logsumexp(0)

    forward = torch.cat([path.forward(n).log_weights for _ in range(N_PATHS // n)])
    top = path.problem.from_data(evidence.ladder.states[-1, -1])
    sandwich = ladder_sandwich(evidence.ladder, annealed_sandwich(forward, backward(top)))
    samples = {"held-out data": _telling(evidence, N_DATA_ANNEALED)}
    draws = evidence.draws[-1][:N_ENDS_LADDER]
    return _questioned(sandwich, evidence, samples, draws, log_weights, SNAPSHOTS_LADDER, forward)


def _annealed(evidence: Evidence) -> Sandwich:
    ends = evidence.draws[-1][: evidence.annealing_chains]
    path = evidence.annealing
    sandwich = annealed_sandwich(evidence.weighted.log_weights, path.backward(ends))
    samples = {"held-out data": _telling(evidence, N_DATA_ANNEALED)}
    draws = ends[:N_ENDS_ANNEALED]
    weights = evidence.weighted.log_weights
    return _questioned(
        sandwich, evidence, samples, draws, path.backward, SNAPSHOTS_ANNEALED, weights
    )


def _telling(evidence: Evidence, n: int) -> Tensor:
    """Some 3n of the held-out points, since a weight costs a whole path here, `(3n, *event)`.

    Those farthest from what was annealed, those of highest density, and evenly spaced ones.
    """
    x, annealed = evidence.data, evidence.weighted.x
    n = min(n, len(x))
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


def _likelihood(evidence: Evidence, sandwich: Sandwich) -> Figures:
    low, high = sandwich.interval
    negative = -evaluate(evidence.problem.log_density, evidence.data)
    figures: Figures = {
        "test/nll": negative.mean() + sandwich.log_z,
        "test/nll_lower": negative.mean() + low,
        "test/nll_upper": negative.mean() + high,
    }
    if evidence.stored is not None:
        told = {
            "test/bits_per_dimension": evidence.stored.bits_per_dimension,
            "test/nll_in_data_units": evidence.stored.nll_in_data_units,
        }
        for name, of in told.items():
            value = of(negative + sandwich.log_z, evidence.data)
            if value is not None:
                figures[name] = value.mean()
    return figures

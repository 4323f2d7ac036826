"""log Z between a lower and an upper estimate, with a verdict that a person can read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lightning_ebm.evaluation.log_z.bridge import bridge_sampling
from lightning_ebm.evaluation.log_z.estimate import Estimate
from lightning_ebm.evaluation.log_z.importance import (
    importance_sampling,
    reverse_importance_sampling,
)

FEW_DRAWS = 50
"""Effective draws below which a mean of weights is an accident."""
TOLERANCE = 0.1
"""Nats between lower end and bridge, twice the bridge's error included, that are still trusted."""
MISSED = 0.01
"""Share of held-out data, the heaviest, that may be heavier than every draw of the proposal."""
UNSEEN = 0.05
"""Share of Z that may lie where that much data is and no draw was, and is still trusted."""


@dataclass(frozen=True)
class Sandwich:
    """Estimates of log Z from below and above.

    Attributes:
        lower: from draws of a proposal.
        upper: from draws of the model, if there are any.
        between: bridge sampling, where both ends allow it.
        missed: share of held-out data with more weight than any draw of the proposal.
        unseen: how much of Z, as a share, may lie where the heaviest data is and no draw is; see
            `flow_sandwich`.
        proposal: what the proposal is called in the verdict.
        remarks: what speaks against trusting it.
    """

    lower: Estimate
    upper: Estimate | None = None
    between: Estimate | None = None
    missed: float | None = None
    unseen: float | None = None
    proposal: str = "flow"
    remarks: list[str] = field(default_factory=list)

    @property
    def log_z(self) -> float:
        """The best single value: the bridge, else the middle, else the lower end."""
        if self.between is not None and math.isfinite(self.between.value):
            return self.between.value
        if self.upper is not None:
            return (self.lower.value + self.upper.value) / 2
        return self.lower.value

    @property
    def interval(self) -> tuple[float, float]:
        """What both ends allow, two standard errors each; no end above where there is none."""
        ends = [self.lower] if self.upper is None else [self.lower, self.upper]
        low = min(end.value - 2 * end.standard_error for end in ends)
        high = max(end.value + 2 * end.standard_error for end in ends)
        return low, math.inf if self.upper is None else high

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.remarks

    @property
    def verdict(self) -> str:
        """One sentence: trusted, or why not."""
        low, high = self.interval
        if self.trusted:
            return f"trusted: log Z is {self.log_z:.3f}, between {low:.3f} and {high:.3f}"
        return f"not trusted: {'; '.join(self.remarks)} (log Z {self.log_z:.3f})"

    def scalars(self) -> dict[str, float]:
        """All figures under flat names."""
        figures: dict[str, float] = {"log_z/trusted": float(self.trusted)}
        ends = {"lower": self.lower, "upper": self.upper, "bridge": self.between}
        for name, estimate in ends.items():
            if estimate is not None:
                figures[f"log_z/{name}"] = estimate.value
                figures[f"log_z/{name}_standard_error"] = estimate.standard_error
                figures[f"log_z/{name}_effective_draws"] = estimate.effective_draws
        if self.missed is not None:
            figures["log_z/missed_share_of_data"] = self.missed
            figures["log_z/unseen_share"] = self.unseen
        return figures


def flow_sandwich(
    proposal_weights: Tensor,
    model_weights: Tensor | None = None,
    chains: int | None = None,
    data_weights: Tensor | None = None,
) -> Sandwich:
    """Importance sampling from a flow below, reverse above, the bridge between.

    A flow that misses a mode fools all three and their errors: held-out data does not let it. Let
    R be where weights are as large as those of the heaviest hundredth of held-out data. If none of
    n draws fell there, q(R) ≤ 3/n with 95 % confidence (Hanley and Lippman-Hand 1983); and since
    q(R) = p(R) E[Z/w | R], p the model, a share p(R) ≤ 3/n / E[Z/w | R] of Z lies there. With that
    data standing for the model's own points in R, this is little if weights are bounded, however
    much data lies there, and without end if a mode is missed.

    Args:
        proposal_weights: log p̃(x)/q(x) at draws of the flow, `(n,)`.
        model_weights: the same at draws of the model.
        chains: if these are chains', how many; see `log_mean`.
        data_weights: the same at held-out data.
    """
    lower = importance_sampling(proposal_weights)
    upper = between = missed = unseen = None
    if model_weights is not None:
        upper = reverse_importance_sampling(model_weights, chains)
        between = bridge_sampling(proposal_weights, model_weights, chains)
    remarks = []
    if data_weights is not None:
        missed = float((data_weights > proposal_weights.max()).double().mean())
        unseen = _unseen(data_weights, lower.value, len(proposal_weights))
        if missed > MISSED and unseen > UNSEEN:
            remarks.append(
                f"flow misses mass: {missed:.1%} of held-out data has more weight than any of "
                f"{len(proposal_weights)} flow samples, held-out data has log-weight "
                f"{_finite_mean(data_weights):.2f} on average, flow samples have "
                f"{_finite_mean(proposal_weights):.2f}"
            )
    remarks += _doubts(lower, upper, between, "flow")
    return Sandwich(lower, upper, between, missed, unseen, "flow", remarks)


def annealed_sandwich(forward_weights: Tensor, backward_weights: Tensor) -> Sandwich:
    """Annealed importance sampling forward below, backward above.

    Args:
        forward_weights: log-weights of `Annealing.forward`, `(n,)`.
        backward_weights: log-weights of `Annealing.backward` from draws of the model.
    """
    lower = importance_sampling(forward_weights)
    upper = reverse_importance_sampling(backward_weights)
    # Both passes are draws of one path and its reverse, so the bridge applies to the paths.
    between = bridge_sampling(forward_weights, backward_weights)
    remarks = _doubts(lower, upper, between, "annealing")
    return Sandwich(lower, upper, between, proposal="annealing", remarks=remarks)


def _unseen(data_weights: Tensor, log_z: float, n: int) -> float:
    heaviest = data_weights.topk(math.ceil(MISSED * len(data_weights))).values.double()
    inverse = (log_z - heaviest).logsumexp(0) - math.log(len(heaviest))
    return min(1.0, 3 / n * math.exp(min(-float(inverse), 700.0)))


def _doubts(
    lower: Estimate, upper: Estimate | None, between: Estimate | None, proposal: str
) -> list[str]:
    remarks = []
    if lower.effective_draws < FEW_DRAWS:
        remarks.append(
            f"{proposal} hardly reaches the model: its draws are worth {lower.effective_draws:.1f}"
        )
    if upper is None or between is None:
        remarks.append("there are no draws of the model, hence no upper end")
        return remarks
    gap = upper.value - lower.value
    if gap < -3 * math.hypot(upper.standard_error, lower.standard_error):
        remarks.append(
            f"the upper end lies {-gap:.3f} nats below the lower one, so the draws are not the "
            "model's"
        )
    # The upper end alone may be vague, where the proposal has heavier tails than the model; the
    # bridge is not.
    apart = abs(between.value - lower.value)
    if not apart + 2 * between.standard_error <= TOLERANCE:
        remarks.append(
            f"lower end and bridge are {apart:.3f} nats apart, and the bridge's standard error is "
            f"{between.standard_error:.3f}"
        )
    return remarks


def _finite_mean(values: Tensor) -> float:
    finite = values[torch.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan

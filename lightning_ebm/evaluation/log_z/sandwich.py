"""log Z between a lower and an upper estimate, and what these say against each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

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
UNSEEN = 0.05
"""Share of Z that may lie where the proposal's draws do not tell of it, and is still trusted."""


@dataclass(frozen=True)
class Sandwich:
    """Estimates of log Z from below and above.

    Attributes:
        lower: from draws of a proposal.
        upper: from draws of the model, if there are any.
        between: bridge sampling, where both ends allow it.
        proposal: what the proposal is called in the verdict.
        doubts: what speaks against trusting it, a clause each.
        looked: where mass was looked for that the proposal may have missed, in words.
        unseen: share of Z that may be such mass; None if nothing was looked for.
    """

    lower: Estimate
    upper: Estimate | None = None
    between: Estimate | None = None
    proposal: str = "flow"
    doubts: list[str] = field(default_factory=list)
    looked: str = ""
    unseen: float | None = None

    @property
    def log_z(self) -> float:
        """The best single value: the bridge, else the middle, else the lower end."""
        if self.between is not None and math.isfinite(self.between.value):
            return self.between.value
        if self.upper is not None:
            return (self.lower.value + self.upper.value) / 2
        return self.lower.value

    @property
    def standard_error(self) -> float:
        """The error of that value: of the bridge, else of the middle, else of the lower end."""
        if self.between is not None and math.isfinite(self.between.value):
            return self.between.standard_error
        if self.upper is not None:
            return math.hypot(self.lower.standard_error, self.upper.standard_error) / 2
        return self.lower.standard_error

    @property
    def interval(self) -> tuple[float, float]:
        """What the estimates whose errors are known allow, two standard errors each.

        Above them, what may lie unseen; no end above where there is no draw of the model.
        """
        known = [e for e in self._estimates.values() if math.isfinite(e.standard_error)]
        low = min((e.value - 2 * e.standard_error for e in known), default=-math.inf)
        high = max((e.value + 2 * e.standard_error for e in known), default=math.inf)
        return low, math.inf if self.upper is None else high + math.log1p(self.unseen or 0.0)

    @property
    def _estimates(self) -> dict[str, Estimate]:
        ends = {"lower": self.lower, "upper": self.upper, "bridge": self.between}
        return {name: estimate for name, estimate in ends.items() if estimate is not None}

    def scalars(self) -> dict[str, float]:
        """All figures under flat names."""
        figures: dict[str, float] = {}
        for name, estimate in self._estimates.items():
            figures[f"log_z/{name}"] = estimate.value
            figures[f"log_z/{name}_standard_error"] = estimate.standard_error
            figures[f"log_z/{name}_ess"] = estimate.ess
        figures["log_z/lower_tail_index"] = self.lower.tail.index
        if self.unseen is not None:
            figures["log_z/unseen_share"] = self.unseen
        return figures


def flow_sandwich(
    proposal_weights: Tensor, model_weights: Tensor | None = None, chains: int | None = None
) -> Sandwich:
    """Importance sampling from a flow below, reverse above, the bridge between.

    A flow that misses a mode fools all three and their errors: see `unaccounted_shares`.

    Args:
        proposal_weights: log p̃(x)/q(x) at draws of the flow, `(n,)`.
        model_weights: the same at draws of the model.
        chains: if these are chains', how many; see `log_mean`.
    """
    return _sandwich(proposal_weights, model_weights, chains, "flow")


def annealed_sandwich(forward_weights: Tensor, backward_weights: Tensor) -> Sandwich:
    """Annealed importance sampling forward below, backward above.

    Both passes are draws of one path and its reverse, so that the bridge applies to the paths.

    Args:
        forward_weights: log-weights of `Annealing.forward`, `(n,)`.
        backward_weights: log-weights of `Annealing.backward` from draws of the model.
    """
    return _sandwich(forward_weights, backward_weights, None, "annealing")


def _sandwich(
    forward: Tensor, backward: Tensor | None, chains: int | None, proposal: str
) -> Sandwich:
    lower = importance_sampling(forward)
    upper = between = None
    if backward is not None:
        upper = reverse_importance_sampling(backward, chains)
        between = bridge_sampling(forward, backward, chains)
    doubts = _doubts(lower, upper, between, proposal)
    return Sandwich(lower, upper, between, proposal, doubts)


def _doubts(
    lower: Estimate, upper: Estimate | None, between: Estimate | None, proposal: str
) -> list[str]:
    doubts = []
    if lower.ess < FEW_DRAWS:
        doubts.append(f"{proposal} hardly reaches the model: its draws are worth {lower.ess:.1f}")
    elif lower.tail.too_heavy:
        doubts.append(
            f"{lower.tail.share:.1%} of the weights of the {proposal}'s draws lies in a tail of "
            f"index {lower.tail.index:.2f}, too heavy for a mean"
        )
    if upper is None or between is None:
        return [*doubts, "there are no draws of the model, hence no upper end"]
    gap = upper.value - lower.value
    if gap < -3 * math.hypot(upper.standard_error, lower.standard_error):
        doubts.append(
            f"the upper end lies {-gap:.3f} nats below the lower one, so the draws are not the "
            "model's"
        )
    # The upper end alone may be vague, where the proposal has heavier tails than the model; the
    # bridge is not.
    apart = abs(between.value - lower.value)
    error = math.hypot(between.standard_error, lower.standard_error)
    if not apart + 2 * between.standard_error <= TOLERANCE or apart > 4 * error:
        doubts.append(
            f"lower end and bridge are {apart:.3f} nats apart, and the bridge's standard error is "
            f"{between.standard_error:.3f}"
        )
    return doubts

"""What a sampler is asked to sample: an unnormalised log-density and all that is known about it.

A `Problem` is handed to a sampler at every draw. It makes other problems: the same one in the
latent space of its flow (`pullback`) and one on the way to a reference (`tempered`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from lightning_ebm.chunks import in_chunks
from lightning_ebm.ends import Ends
from lightning_ebm.errors import SettingError


class Distribution(Protocol):
    """Something that can be drawn from and has a normalised density."""

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Draw `n` points `(n, *event)` with their log-densities `(n,)`."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density `(n,)` of the points `(n, *event)`."""


class Flow(Distribution, Protocol):
    """A distribution that is the image of a base distribution under an invertible map."""

    @property
    def base(self) -> Distribution:
        """What is mapped."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent point."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map latent points to data space: `(x, log|det ∂x/∂z|)`."""

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map data points to latent space: `(z, log|det ∂z/∂x|)`."""


@dataclass(frozen=True)
class Tilt:
    """The log-density of a tilted distribution: log p̃(x) = tilt(x) + log base(x).

    Attributes:
        tilt: maps points `(n, *event)` to numbers `(n,)`, differentiably.
        base: what is tilted.
    """

    tilt: Callable[[Tensor], Tensor]
    base: Distribution

    def __call__(self, x: Tensor) -> Tensor:
        """Unnormalised log-density `(n,)` of the points `(n, *event)`."""
        return self.tilt(x) + self.base.log_prob(x)


Known = tuple[Tensor, Tensor | None, Ends | None]
"""What a chain is told of points: log-density, score, and the ends of a path, where it is on one.
"""


@dataclass
class Evaluations:
    """How often a target was evaluated, in points, so that samplers compare per unit of work."""

    densities: int = 0
    scores: int = 0


@dataclass(frozen=True)
class Problem:
    """An unnormalised density p̃ to sample, and what may help.

    Attributes:
        log_density: maps points `(n, *event)` to log p̃ `(n,)`, differentiably; a `Tilt` where the
            target tilts a distribution that may be the flow.
        event_shape: shape of one point.
        reference: a broad distribution over the same space; where noise comes from.
        proposal: a distribution close to the target, if there is one (the flow; in latent
            space its base). Global moves propose from it.
        flow: the flow, if there is one; it teaches and pulls back.
        data: a batch of data, in data space, if there is one.
        networks: what the density and the flow are made of; frozen while a sampler runs.
        to_data: maps points of this space to data space.
        from_data: maps points of data space to this one.
        evaluations: a counter, shared by all problems made from this one.
        chunk_size: points that networks are given at once, at most; None is all. Memory for what
            a network computes on the way is then bounded, whatever the number of points.
    """

    log_density: Callable[[Tensor], Tensor]
    event_shape: tuple[int, ...]
    reference: Distribution
    proposal: Distribution | None = None
    flow: Flow | None = None
    data: Tensor | None = None
    networks: tuple[nn.Module, ...] = ()
    to_data: Callable[[Tensor], Tensor] = lambda x: x
    from_data: Callable[[Tensor], Tensor] = lambda x: x
    evaluations: Evaluations = field(default_factory=Evaluations)
    chunk_size: int | None = None

    @property
    def needed_flow(self) -> Flow:
        """The flow, for what cannot do without one.

        Raises:
            SettingError: if the problem has none.
        """
        if self.flow is None:
            raise SettingError("flow is None, and a flow is needed: give the problem one")
        return self.flow

    @property
    def needed_proposal(self) -> Distribution:
        """The proposal, for what cannot do without one.

        Raises:
            SettingError: if the problem has none.
        """
        if self.proposal is None:
            raise SettingError(
                "proposal is None, and a proposal is needed: give the problem one, e.g. a flow"
            )
        return self.proposal

    def log_prob(self, x: Tensor) -> Tensor:
        """Unnormalised log-density `(n,)` of the points, without gradients."""
        self.evaluations.densities += len(x)
        density = lambda part: _checked(self.log_density(part), part)  # noqa: E731
        with torch.no_grad():
            return in_chunks(density, x, self.chunk_size)

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Unnormalised log-density `(n,)` and its gradient in x, the score `(n, *event)`.

        Gradients reach the points alone: parameters keep whatever `.grad` they had.
        """
        n, evaluations = x.shape[0], self.evaluations
        evaluations.densities += n
        evaluations.scores += n
        return log_prob_and_score(self.log_density, x, self.chunk_size)

    def log_proposal(self, x: Tensor) -> Tensor:
        """Log-density `(n,)` of the proposal, without gradients."""
        with torch.no_grad():
            return in_chunks(self.needed_proposal.log_prob, x, self.chunk_size)

    def density_at(self, x: Tensor) -> Known:
        """What a chain is to know at these points if it needs the log-density."""
        return self.log_prob(x), None, None

    def score_at(self, x: Tensor) -> Known:
        """What a chain is to know at these points if it needs the score too."""
        return *self.log_prob_and_score(x), None

    def counting(self, evaluations: Evaluations) -> Problem:
        """The same problem, whose evaluations are counted there."""
        return replace(self, evaluations=evaluations)

    def of_chains(self) -> tuple[Tensor, ...]:
        """What has an entry of each chain, `(n, ...)`: a target may differ from chain to chain."""
        return ()

    def pullback(self) -> Problem:
        """The same problem in the flow's latent space.

        With x = T(z) the density is log p̃(T(z)) + log|det J_T(z)|, and the flow's base is
        both the proposal and the reference. Where p̃ = exp(t) q tilts this very flow, that is
        t(T(z)) + log ρ(z), ρ the flow's base: the Jacobians cancel (Nijkamp et al. 2022), and the
        flow is never inverted.

        Raises:
            ValueError: if the problem has no flow.
        """
        flow, density = self.flow, self.log_density
        if flow is None:
            raise ValueError("pullback needs a flow, and this problem has none: give it one")

        def in_latent_space(z: Tensor) -> Tensor:
            x, log_det = flow.forward(z)
            return density(x) + log_det

        pulled_back: Callable[[Tensor], Tensor] = in_latent_space
        if isinstance(density, Tilt) and density.base is flow:
            tilt = density.tilt
            pulled_back = Tilt(lambda z: tilt(flow.forward(z)[0]), flow.base)
        return replace(
            self,
            log_density=pulled_back,
            event_shape=flow.latent_shape,
            reference=flow.base,
            proposal=flow.base,
            flow=None,
            to_data=lambda z: in_chunks(
                lambda part: self.to_data(flow.forward(part)[0].detach()), z, self.chunk_size
            ),
            from_data=lambda x: in_chunks(
                lambda part: flow.inverse(self.from_data(part))[0].detach(), x, self.chunk_size
            ),
        )

    def tempered(self, beta: float, reference: Distribution | None = None) -> Problem:
        """The geometric path p̃^β · reference^(1-β), β = 1 being this problem.

        Source: Neal 2001, Annealed importance sampling, section 2.
        """
        other = reference if reference is not None else self.reference
        # At an end of the path the other density, which may be 0, has no say: 0 · ∞ would.
        ends = {0.0: other.log_prob, 1.0: self.log_density}
        between = lambda x: beta * self.log_density(x) + (1 - beta) * other.log_prob(x)  # noqa: E731
        return replace(self, log_density=ends.get(beta, between))


def log_prob_and_score(
    log_density: Callable[[Tensor], Tensor], x: Tensor, chunk_size: int | None = None
) -> tuple[Tensor, Tensor]:
    """Log-density `(n,)` of the points and its gradient in them, neither with a graph.

    Of `chunk_size` points at a time, if it is given.

    Raises:
        ValueError: if the density does not give one value per point.
    """
    if chunk_size is not None and len(x) > chunk_size:
        values, scores = in_chunks(
            lambda part: log_prob_and_score(log_density, part), x, chunk_size
        )
        return values, scores
    if torch.compiler.is_compiling():
        # What `torch.autograd.grad` does cannot be traced; what follows is slower if it is not.
        def total(x: Tensor) -> tuple[Tensor, Tensor]:
            log_prob = _checked(log_density(x), x)
            return log_prob.sum(), log_prob

        score, (_, log_prob) = torch.func.grad_and_value(total, has_aux=True)(x.detach())
        return log_prob.detach(), score.detach()
    if not torch.is_grad_enabled():
        with torch.enable_grad():
            return log_prob_and_score(log_density, x)
    x = x.detach().requires_grad_()
    log_prob = _checked(log_density(x), x)
    (score,) = torch.autograd.grad(log_prob.sum(), x)
    return log_prob.detach(), score


def _checked(log_prob: Tensor, x: Tensor) -> Tensor:
    if log_prob.shape != x.shape[:1]:
        raise ValueError(
            f"a log-density must have one value per point, shape {tuple(x.shape[:1])}, "
            f"but has shape {tuple(log_prob.shape)} for points of shape {tuple(x.shape)}"
        )
    return log_prob

"""The geometric path from a reference ρ to a model p̃, and the problem of chains along it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, per_point
from lightning_ebm.chunks import in_chunks
from lightning_ebm.ends import Ends
from lightning_ebm.needed import needed
from lightning_ebm.problem import (
    Distribution,
    Evaluations,
    Known,
    Problem,
    Tilt,
    log_prob_and_score,
)


@dataclass(frozen=True)
class GeometricPath:
    """The densities π_β(x) ∝ ρ(x) w(x)^β = ρ(x)^(1-β) p̃(x)^β, from ρ at β = 0 to p̃ at β = 1.

    Attributes:
        reference: ρ, normalised, which can be drawn from.
        tilt: log w, where it is known apart from ρ; else None.
        target: log p̃.
        evaluations: counts the points at which log w was evaluated.
        chunk_size: points that are evaluated at once, at most; None is all.
    """

    reference: Distribution
    target: Callable[[Tensor], Tensor]
    tilt: Callable[[Tensor], Tensor] | None
    evaluations: Evaluations
    chunk_size: int | None = None

    @staticmethod
    def of(problem: Problem) -> GeometricPath:
        """The path from a problem's proposal, the flow or in latent space its base, to it.

        Where the problem tilts that very distribution, log w is the tilt alone.

        Raises:
            ValueError: if the problem has no proposal.
        """
        density, reference = problem.log_density, problem.proposal
        if reference is None:
            raise ValueError("tempering needs a flow to begin from, and this problem has none")
        tilt = density.tilt if isinstance(density, Tilt) and density.base is reference else None
        return GeometricPath(reference, density, tilt, problem.evaluations, problem.chunk_size)

    def ends(self, x: Tensor) -> Ends:
        """Log-densities of both ends and their scores at points `(n, *event)`."""
        self.evaluations.densities += len(x)
        self.evaluations.scores += len(x)
        of_reference = log_prob_and_score(self.reference.log_prob, x, self.chunk_size)
        log_reference, reference_score = of_reference
        log_density, score = log_prob_and_score(self.tilt or self.target, x, self.chunk_size)
        if self.tilt is None:
            log_density, score = log_density - log_reference, score - reference_score
        return Ends(log_reference, log_density, reference_score, score)

    def values(self, x: Tensor) -> Ends:
        """Log-densities of both ends alone."""
        self.evaluations.densities += len(x)
        with torch.no_grad():
            log_reference = in_chunks(self.reference.log_prob, x, self.chunk_size)
            log_density = in_chunks(self.tilt or self.target, x, self.chunk_size)
        if self.tilt is None:
            log_density = log_density - log_reference
        return Ends(log_reference, log_density)


def on_path(chain: Chain, beta: Tensor) -> Chain:
    """Chains whose ends are known, at β `(n,)` each: log ρ + β log w and its score.

    A chain at which the weight is 0 has no density at any β above 0, and that of ρ at 0.
    """
    log_reference, log_weight, reference_score, weight_score = needed(chain.ends)
    beta = beta.to(log_weight)
    # 0 · ∞ is not a number, and at β = 0 the weight has no say.
    hot = beta == 0
    log_prob = log_reference + torch.where(hot, 0.0, beta * log_weight)
    if weight_score is None or reference_score is None:
        return chain._replace(log_prob=log_prob, score=None)
    tilt = per_point(beta, weight_score) * weight_score
    score = reference_score + torch.where(per_point(hot, tilt), 0.0, tilt)
    return chain._replace(log_prob=log_prob, score=score)


@dataclass(frozen=True)
class Rungs(Problem):
    """The problem of chains at several β at once, all of them one batch of the networks.

    Attributes:
        path: the path that they are on.
        beta: β of each chain, `(n,)`; points that several candidates of a chain stand at come
            in a row.
    """

    path: GeometricPath = field(kw_only=True)
    beta: Tensor = field(kw_only=True)

    @staticmethod
    def of(problem: Problem, path: GeometricPath, beta: Tensor) -> Rungs:
        """The problem in whose space the path is, with its chains at these β `(n,)`."""
        known = {field.name: getattr(problem, field.name) for field in fields(Problem)}

        def log_density(x: Tensor) -> Tensor:
            log_reference = path.reference.log_prob(x)
            rise = path.tilt(x) if path.tilt else path.target(x) - log_reference
            return log_reference + _for_each(beta, x) * rise

        # β belongs to places among all points; the path goes by parts.
        known |= {"log_density": log_density, "chunk_size": None}
        return Rungs(**known, path=path, beta=beta)

    def counting(self, evaluations: Evaluations) -> Rungs:
        """The same problem, whose evaluations are counted there: the path's are its own."""
        path = replace(self.path, evaluations=evaluations)
        return replace(self, evaluations=evaluations, path=path)

    def of_chains(self) -> tuple[Tensor, ...]:
        """β, of each chain its own."""
        return (self.beta,)

    def density_at(self, x: Tensor) -> Known:
        """Log-density and those of the ends."""
        chain = on_path(Chain(x, ends=self.path.values(x)), _for_each(self.beta, x))
        return needed(chain.log_prob), None, chain.ends

    def score_at(self, x: Tensor) -> Known:
        """Log-density, score and those of the ends."""
        chain = on_path(Chain(x, ends=self.path.ends(x)), _for_each(self.beta, x))
        return needed(chain.log_prob), chain.score, chain.ends


def _for_each(beta: Tensor, x: Tensor) -> Tensor:
    return beta.repeat_interleave(len(x) // len(beta)).to(x)

"""Kernels that go wherever they propose, tested for finite numbers once per stretch of steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from lightning_ebm.chain import Chain, Knowing, choose, scored, valued, with_score
from lightning_ebm.kernels.kernel import Info, share_of
from lightning_ebm.kernels.step_size import Scales, StepSize
from lightning_ebm.kernels.stretch import StretchKernel
from lightning_ebm.needed import needed
from lightning_ebm.problem import Problem
from lightning_ebm.random_state import TorchMoment


class UnadjustedKernel(StretchKernel):
    """A kernel that never rejects: only where a density or a score is not finite chains stay.

    That is hardly ever so. A stretch of steps goes without asking, and is tested at its end; where
    it failed it is made again from its beginning, with the same random numbers, asking at every
    step: the chains are those of steps that always ask, to the bit. After a failure stretches ask
    until one finds nothing. So they do on a GPU, which asking costs little and answering much: the
    program would wait for it.

    To implement one: write `move`.

    Args:
        step_size: γ, in squared units of x.
    """

    exact = False

    def __init__(self, step_size: float) -> None:
        super().__init__()
        self.step_size = StepSize(step_size)
        self._wary = False

    @abstractmethod
    def move(self, chain: Chain, scales: Scales) -> Tensor:
        """Where chains go that know their score, `(n, *event)`."""

    def prepare(self, problem: Problem, chain: Chain) -> Chain:
        """Log-density and score."""
        return with_score(problem, chain)

    def last_step(self, problem: Problem, chain: Chain) -> tuple[Chain, Info]:
        """One step; the score where it leads is not computed, and not tested."""
        return self.stretch(problem, chain, 1, last=True)

    # A class with a last step of its own is taken not to know how to run many.
    run = StretchKernel.run

    def stretch(
        self, problem: Problem, chain: Chain, n_steps: int, *, last: bool
    ) -> tuple[Chain, Info]:
        """So many steps, after the last of which the score is not computed if none follows."""
        chain = with_score(problem, chain)
        scales = self.step_size.scales(chain.x)
        known: list[Knowing] = [scored] * n_steps
        if last:
            known[-1] = valued
        typical = StepSize.typical(scales.drift)
        if torch.compiler.is_compiling():
            chain, share = _asking(self.move, problem, chain, scales, known)
            return chain, {"non_finite": share, "step_size": typical}
        # One step is tested as cheaply as it is made; what is known of ends is not followed.
        answers = answers_at_once(chain.x)
        if n_steps > 1 and answers and not self._wary and chain.ends is None:
            reached = self._without_asking(problem, chain, scales, known)
            if reached is not None:
                return reached, {"non_finite": chain.x.new_zeros(()), "step_size": typical}
        chain, share = _asking(self.move, problem, chain, scales, known)
        if n_steps > 1 and answers:
            self._wary = share.item() > 0
        return chain, {"non_finite": share, "step_size": typical}

    def _without_asking(
        self, problem: Problem, chain: Chain, scales: Scales, known: list[Knowing]
    ) -> Chain | None:
        """The chain after the steps; None, and all as it was before, if one of them failed."""
        begun, evaluations = TorchMoment.now(chain.x.device), problem.evaluations
        counted = evaluations.densities, evaluations.scores
        try:
            reached = _going(self.move, problem, chain, scales, known)
        except Exception:
            # A density may refuse points that are not numbers. If it was another fault, the steps
            # that ask meet it again.
            reached = None
        if reached is None:
            begun.put_back()
            evaluations.densities, evaluations.scores = counted
        return reached


def answers_at_once(x: Tensor) -> bool:
    """Whether the program need not wait for a device to learn a number that is computed there."""
    return x.device.type == "cpu"


Move = Callable[[Chain, Scales], Tensor]


def _asking(
    move: Move, problem: Problem, chain: Chain, scales: Scales, known: list[Knowing]
) -> tuple[Chain, Tensor]:
    """The chain after the steps, and the share of them that led nowhere finite: there it stays.

    A last step does not compute the score where it leads, so that a chain may begin where that is
    not finite: it goes on by what else moves it alone.
    """
    failures = []
    for knowing in known:
        drifting = chain._replace(score=needed(chain.score).nan_to_num(0.0, 0.0, 0.0))
        proposed = knowing(problem, move(drifting, scales))
        finite = proposed.finite()
        failures.append(~finite)
        chain = choose(finite, proposed, drifting)
    return chain, share_of(torch.stack(failures), chain.x)


def _going(
    move: Move, problem: Problem, chain: Chain, scales: Scales, known: list[Knowing]
) -> Chain | None:
    """The chain after the steps; None unless all that was computed, and sums of it, are finite.

    What is not finite in a score shows in the points that follow. What is finite, but so large
    that a sum overflows, shows in the squares of scores s: a coordinate of a point is never
    further out than at the end and Σ γ|s| and the noise, which is nothing beside such numbers.
    """
    squares, heights = needed(chain.score).square(), []
    for knowing in known:
        chain = knowing(problem, move(chain, scales))
        heights.append(needed(chain.log_prob))
        if chain.score is not None:
            squares.addcmul_(chain.score, chain.score)
    squares.addcmul_(chain.x, chain.x)
    further = 4 + len(known) * scales.drift.max().item()
    reach = squares.sum().item() * further * chain.x.numel()
    total = torch.linalg.vector_norm(torch.stack(heights), 1).item() + reach
    return chain if total < torch.finfo(chain.x.dtype).max else None

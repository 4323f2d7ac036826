"""The contract of a sampler, which a plug-in implements, and `MCMC`, which most are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from lightning_ebm.chain import per_point
from lightning_ebm.errors import SettingError
from lightning_ebm.kernels import CompiledSteps, Info, Kernel, in_a_row
from lightning_ebm.networks import sampling
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import is_number, require_count
from lightning_ebm.starts import Bank, FromData, Persistent, Start
from lightning_ebm.tempering import LadderRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure
from lightning_ebm.zero_density import begin_chains, conduct

DATA_SHARE = 0.2
"""What a flow that learns from chains learns from data, of all, unless told otherwise."""


class Draw(NamedTuple):
    """What a sampler drew: points `x (n, *event)` in data space, and what happened on the way.

    Attributes:
        x: the points.
        info: what happened, a number each.
        ladder: of a sampler that tempers, in eval mode, what its rungs did.
    """

    x: Tensor
    info: Info
    ladder: LadderRecord | None = None


class Sampler(nn.Module, ABC):
    """Draws from the model: the negative phase of maximum likelihood.

    To implement one: set the class attributes, write `sample`, and register the class under an
    entry point of the group `lightning_ebm.samplers`. Call a sampler as a function,
    `sampler(problem, n)`: that runs `sample` with gradients enabled, networks frozen and in eval
    mode, full precision, also under validation. What must survive a checkpoint is kept by
    `get_extra_state` / `set_extra_state` of it or its parts; each process has its own. On another
    number of processes than before, chains are dealt out by `deal` of each part that keeps them:
    that of `Persistent` is written; a `Bank` of yours, or a sampler that keeps chains itself, has
    one of its own, see `Bank.deal`. What other parts adapt is taken from one of the processes.

    Attributes:
        exact: whether the draws' stationary distribution is the target.
        uses_flow: whether it needs the companion flow.
        teaches_flow: whether `flow_loss` trains that flow; if not, the flow is frozen.
        chunk_size: points that a draw gives networks at once, at most; None is all.
    """

    exact: bool = False
    uses_flow: bool = False
    teaches_flow: bool = False
    chunk_size: int | None = None

    @abstractmethod
    def sample(self, problem: Problem, n: int) -> Draw:
        """Draw n points of the problem's density."""

    def flow_loss(self, problem: Problem, draw: Draw) -> Tensor | None:
        """What to minimise so that the flow learns from a draw; None teaches nothing."""
        return None

    def picture(self) -> Figure | None:
        """What the sampler has to show of itself now and then during training, if anything."""
        return None

    def follows(self, n: int) -> bool:
        """Whether chain i of a draw of n is chain i of the next."""
        starts = [part for part in self.modules() if isinstance(part, Persistent)]
        return bool(starts) and all(start.continues and (start.size or 0) <= n for start in starts)

    def forget(self) -> None:
        """Drop all chains kept: the next draw begins new ones."""
        for part in self.modules():
            if isinstance(part, Bank):
                part.forget()

    deal = Bank.deal

    def forward(self, problem: Problem, n: int) -> Draw:
        """Run `sample` in the context that it may rely on."""
        with sampling(*problem.networks):
            if problem.data is not None:
                problem = replace(problem, data=problem.data.clone())
            if self.chunk_size is not None:
                problem = replace(problem, chunk_size=self.chunk_size)
            draw = self.sample(problem, n)
            if not (isinstance(draw, Draw) and isinstance(draw.x, Tensor)):
                raise SettingError(
                    f"model.sampler is {type(self).__name__}, whose sample returns a "
                    f"{type(draw).__name__} where a Draw(x, info) is wanted, x being a tensor: "
                    "return one"
                )
            return draw._replace(x=draw.x.detach())


class MCMC(Sampler):
    """Start chains, apply a kernel `n_steps` times, keep what the start wants to keep.

    Chains at zero density are begun anew, and those left there are counted: see `zero_density`.

    Args:
        start: where chains begin at each draw.
        kernel: the transition.
        n_steps: transitions per draw.
        latent: run the chains in the flow's latent space, on the pulled-back density.
        compile: run the transitions in compiled blocks, see `CompiledSteps`.
        chunk_size: points that networks are given at once, at most; None is all.

    Raises:
        SettingError: if a number is out of its range, or blocks are to be both whole and in parts.

    Attributes:
        exact: whether the kernel is and chains go on from draw to draw; False for a subclass that
            says so.
    """

    exact = True

    def __init__(
        self,
        start: Start,
        kernel: Kernel,
        n_steps: int,
        *,
        latent: bool = False,
        compile: bool = False,
        chunk_size: int | None = None,
    ) -> None:
        super().__init__()
        require_count("n_steps", n_steps)
        self.chunk_size = require_chunk_size(chunk_size, compile=compile)
        self.start = start
        self.kernel = kernel
        self.n_steps = n_steps
        self.latent = latent
        self.in_a_row = CompiledSteps() if compile else in_a_row
        self.exact = type(self).exact and kernel.exact and start.continues

    def sample(self, problem: Problem, n: int) -> Draw:
        """One draw: n chains, `n_steps` transitions each."""
        space = problem.pullback() if self.latent else problem
        # The energy has changed since the last draw: what was known at these points is not.
        begun = begin_chains(self.start, self.kernel, space, n)
        chain, info = self.in_a_row(self.kernel, space, begun.chain, self.n_steps)
        self.start.end(chain.x)
        return Draw(space.to_data(chain.x), info | conduct(space, begun, chain))


def require_chunk_size(chunk_size: int | None, *, compile: bool) -> int | None:
    """The number of points that networks are given at once, refused unless it is positive.

    Raises:
        SettingError: if it is not, or blocks are to be compiled, which are whole.
    """
    if compile and chunk_size is not None:
        raise SettingError(
            f"chunk_size is {chunk_size} and compile is true, but a compiled block evaluates "
            "all chains at once: leave out one of them"
        )
    return require_count("chunk_size", chunk_size, null="all at once")


def flow_likelihood_loss(problem: Problem, draw: Draw, data_share: float = 0.0) -> Tensor:
    """-mean log q over the points drawn, each exchanged for a datum with probability s.

    Its mean over these exchanges, -(1-s) mean log q(x⁻) - s mean log q(x⁺), is the forward KL to
    a mixture, up to a constant; it costs no more than the points drawn alone. What the flow
    learns from changes its proposals, never the target. A flow that learns from the points drawn
    alone forgets a mode that they have left, and will not propose it again.

    Args:
        problem: has the flow, and the data x⁺.
        draw: has the points drawn, x⁻.
        data_share: s, from 0 to 1. Above 0 every call takes random numbers.

    Raises:
        SettingError: if data is to be learned from, and the problem has none.
    """
    x = draw.x.detach()
    if data_share > 0:
        if problem.data is None:
            raise SettingError("the flow learns from data too, but this draw has no batch of data")
        data = FromData().begin(problem, len(x))
        exchanged = torch.rand(len(x), device=x.device) < data_share
        x = torch.where(per_point(exchanged, x), data, x)
    return -problem.needed_flow.log_prob(x).mean()


def require_share(data_share: float) -> float:
    """The share of data in what a flow learns from, refused unless it lies in [0, 1]."""
    if not (is_number(data_share) and 0 <= data_share <= 1):
        raise SettingError(f"data_share is {data_share}: a share lies between 0 and 1")
    return data_share


def share_of_data(data_share: float | None, *, learns: bool) -> float:
    """The share of data in what a flow learns from: as asked, else .2 if it learns at all.

    With none it forgets a rare mode that all chains have left, and never proposes it again.

    Raises:
        SettingError: if it is out of its range, or there is one and the flow learns nothing.
    """
    if data_share and not learns:
        raise SettingError(
            f"data_share is {data_share}, but adaptive is false, so that the flow learns nothing: "
            "leave out one of them"
        )
    if data_share is None:
        data_share = DATA_SHARE if learns else 0.0
    return require_share(data_share)

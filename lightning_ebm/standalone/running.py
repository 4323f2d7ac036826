"""`sample`: chains of any sampler on any target, warmed up and then left alone."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from tqdm import tqdm

from lightning_ebm.checked_draw import checked_draw
from lightning_ebm.described import described
from lightning_ebm.errors import SettingError
from lightning_ebm.flows import Flow
from lightning_ebm.kernels import MALA
from lightning_ebm.networks import sampling
from lightning_ebm.random_state import isolated, seed_process
from lightning_ebm.ranges import require_count
from lightning_ebm.registry import find
from lightning_ebm.sampler import MCMC, Draw, Sampler
from lightning_ebm.standalone.beginning import (
    Given,
    Where,
    begin_at,
    event_shape_of,
    points_of,
)
from lightning_ebm.standalone.companion import Teacher, copied, fitted
from lightning_ebm.standalone.landscape import Landscape, require_usable
from lightning_ebm.standalone.result import SampleResult
from lightning_ebm.standalone.spaces import Bounds, space_of
from lightning_ebm.standalone.target import Sampled, Sign, as_target
from lightning_ebm.starts import Persistent

MOST_SEED = 2**62
FIRST = 4
"""The part of the warm-up, one of so many, whose chains a flow is made by."""


def sample(
    target: Sampled,
    sampler: str | Sampler = "mala",
    *,
    n_chains: int = 64,
    n_draws: int = 500,
    n_warmup: int | None = None,
    start: Where | None = None,
    flow: nn.Module | None = None,
    bounds: Bounds | None = None,
    event_shape: tuple[int, ...] | None = None,
    target_is: Sign | None = None,
    seed: int | None = None,
    progress: bool = False,
) -> SampleResult:
    """Sample a density by any sampler, without a model to train.

    A function maps points `(n, *event)` to log-densities `(n,)`, which need not be normalised; a
    `torch.distributions` object is its `log_prob`; a `lightning_ebm.Energy` or an
    `EBMLightningModule` is sampled by its energy, log p = -E; of any other network `target_is`
    says what it gives.

    Over the warm-up step sizes adapt, and a flow learns by the sampler's own loss; its draws are
    discarded, and nothing adapts after it. A sampler that uses a flow and is given none has a
    small RealNVP made for it, fitted to MALA chains of the first quarter of the warm-up.

    Args:
        target: what to sample.
        sampler: a name that `lightning samplers` lists, or a sampler, which stays as it is. One
            draw is one of the sampler's, several steps of its kernel.
        n_chains: chains side by side.
        n_draws: draws of each that are kept.
        n_warmup: draws before these; as many by default.
        start: points `(n_chains, *event)` where chains begin, or a distribution of them. By
            default a standard normal: in the space itself, in the unbounded one that is mapped
            onto a distribution's support, or as wide as bounds are. A distribution is never
            started at its own samples, which would hide that chains do not mix.
        flow: for samplers that use one: of this library, of normflows, or of zuko. A copy is
            taught.
        bounds: `(low, high)`, numbers or one for each coordinate, None for none: chains are
            reflected, or where a flow proposes, mapped from unbounded space.
        event_shape: shape of one point, where neither target nor start says it.
        target_is: what a network gives, "energy" or "log_density".
        seed: of the draws; torch's generators then stay as they were. By default these are drawn
            from.
        progress: whether to show a bar.

    Raises:
        SettingError: if a setting cannot work, or the target cannot be sampled.
    """
    require_count("n_chains", n_chains)
    require_count("n_draws", n_draws)
    n_warmup = n_draws if n_warmup is None else require_count("n_warmup", n_warmup, least=0)
    require_count("seed", seed, least=0, most=MOST_SEED, null="draws that differ each time")
    mine = _own(sampler)
    name = sampler if isinstance(sampler, str) else type(sampler).__name__
    known = as_target(target, target_is)
    shape = event_shape_of(known, event_shape, start, flow)
    if isinstance(start, Tensor) and start.is_floating_point():
        known = replace(known, like=start.new_empty(0))
    space = space_of(shape, known.support, bounds, known.like, smooth=mine.uses_flow)
    landscape = Landscape(known, space, shape)
    if flow is not None and not mine.uses_flow:
        raise SettingError(
            f"flow is given, but {name} uses none: leave it out, or choose a "
            "sampler that does, e.g. flow_mcmc"
        )
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        nullcontext() if seed is None else isolated(),
        tqdm(total=n_warmup + n_draws, desc=name, disable=not progress) as bar,
    ):
        if seed is not None:
            seed_process(seed, 0)
        run = _Run(name, mine, landscape, n_chains, bar)
        run.begin(None if start is None else points_of(start, n_chains, known.like))
        if mine.uses_flow:
            n_warmup -= run.take_flow(flow, n_warmup)
        run.warm_up(n_warmup)
        return run.result(n_draws)


def _own(sampler: str | Sampler) -> Sampler:
    if isinstance(sampler, str):
        return find(sampler)()
    if not isinstance(sampler, Sampler):
        raise SettingError(
            f"sampler is {described(sampler)}: give a name that `lightning samplers` lists, or a "
            "Sampler that has been made"
        )
    mine = copy.deepcopy(sampler)
    mine.forget()
    return mine


class _Run:
    """One call of `sample`, step by step.

    Args:
        name: of the sampler.
        sampler: its own.
        landscape: the target.
        n_chains: chains.
        bar: moves on with every draw.
    """

    def __init__(
        self, name: str, sampler: Sampler, landscape: Landscape, n_chains: int, bar: tqdm
    ) -> None:
        self.name = name
        self.sampler, self.landscape, self.n_chains, self.bar = sampler, landscape, n_chains, bar
        self.flow: Flow | None = None
        self.notes: list[str] = []

    def begin(self, start: Tensor | None) -> None:
        """Place the chains, at given points `(n_chains, *event)` or by the sampler's own start."""
        given = None if start is None else self.landscape.begin_at(start)
        noise = self.landscape.noise(given)
        self.begun = noise.sample(self.n_chains)[0] if given is None else given
        self.problem = self.landscape.problem(noise, self.begun)
        require_usable(self.problem, self.begun)
        if given is not None and not begin_at(self.sampler, given):
            self.notes.append(f"chains of {self.name} begin where that sampler says, not at start")

    def take_flow(self, flow: nn.Module | None, n_warmup: int) -> int:
        """Take a copy of a flow, or make one; how many draws of the warm-up that took."""
        n_first = 0
        if flow is not None:
            self.flow = copied(flow, self.landscape.shape).to(self.begun)
            self.notes.append("result.flow is a copy of the flow")
        else:
            n_first = max(1, n_warmup // FIRST)
            self.flow = self._made(n_first, n_warmup)
            self.notes.append(
                f"a RealNVP was made, fitted to {n_first} draws of MALA chains of the warm-up"
            )
        self.notes[-1] += (
            f", and taught by {self.name}'s loss over the rest of the warm-up"
            if self.sampler.teaches_flow
            else f", which {self.name} does not teach"
        )
        self.problem = replace(
            self.problem,
            flow=self.flow,
            proposal=self.flow,
            networks=(*self.problem.networks, self.flow),
        )
        return n_first

    def warm_up(self, n_draws: int) -> None:
        """Let step sizes adapt and the flow learn; then all stands still."""
        flow = self.flow if self.sampler.teaches_flow else None
        teacher = None if flow is None else Teacher(self.sampler, flow)
        self.sampler.train()
        for _ in range(n_draws):
            draw = self._draw(self.sampler)
            if teacher is not None:
                teacher.teach(self.problem, draw)
        self.sampler.eval()
        if self.flow is not None:
            self.flow.eval().requires_grad_(False)

    def result(self, n_draws: int) -> SampleResult:
        """The draws that are kept."""
        xs, densities, infos = [], [], []
        for _ in range(n_draws):
            draw = self._draw(self.sampler)
            with sampling(*self.problem.networks), torch.no_grad():
                x = self.landscape.to_target(draw.x)
                densities.append(self.landscape.target.log_density(x))
            xs.append(x)
            infos.append(draw.info)
        keys = [key for key in infos[0] if all(key in info for info in infos)]
        return SampleResult(
            x=torch.stack(xs),
            log_density=torch.stack(densities),
            info={key: torch.stack([info[key].flatten()[0] for info in infos]) for key in keys},
            sampler=self.name,
            exact=self.sampler.exact,
            follows=self.sampler.follows(self.n_chains),
            evaluations=self.problem.evaluations.densities,
            flow=self.flow,
            notes=self.notes,
        )

    def _made(self, n_first: int, n_warmup: int) -> Flow:
        if n_warmup < FIRST:
            raise SettingError(
                f"n_warmup is {n_warmup}, and {self.name} uses a flow, which has to be "
                f"made meanwhile: give at least {FIRST}, some 500 to be good, or give flow"
            )
        pilot = MCMC(Persistent(Given(self.begun)), MALA(target_acceptance=0.6), n_steps=10)
        drawn = [self._draw(pilot.train()).x for _ in range(n_first)]
        begin_at(self.sampler, drawn[-1])
        return fitted(torch.cat(drawn[len(drawn) // 2 :]))

    def _draw(self, sampler: Sampler) -> Draw:
        draw = checked_draw(sampler, self.problem, self.n_chains)
        self.bar.update()
        return draw

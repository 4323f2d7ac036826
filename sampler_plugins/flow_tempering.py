"""`flow_tempering`: replica exchange between flow and model, in the flow's latent space."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lightning_ebm.kernels import GeneralisedHMC, Info, Kernel, average
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_count, require_positive
from lightning_ebm.sampler import (
    Draw,
    Sampler,
    flow_likelihood_loss,
    require_chunk_size,
    share_of_data,
)
from lightning_ebm.tempering import (
    Ladder,
    LadderLogZ,
    ReplicaExchange,
    Round,
    ladder_log_z,
    pooled_log_weights,
    record,
    resampled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 100
"""Latest rounds whose swaps are kept for the picture."""
FORGETTING = 0.02
"""Weight of a draw's age in the running age that the controller goes by."""


class FlowTemperingSampler(Sampler):
    """Replica exchange from the flow to the model: chains that swap states along a ladder of β.

    Rung k samples ρ(z) w(z)^β_k in the flow's latent space, ρ its base and w the model over the
    flow. Rung 0 is fresh draws of the flow at every round, so that what comes up to β = 1, the
    draw, is independent of what was there. Where an independent proposal must guess all at once
    what the energy adds to its flow, this climbs it by steps: it goes on mixing where
    `flow_mcmc` falls apart.

    Exact for a flow that stands still. One that learns moves the latent space, and with it the
    laws of the rungs between flow and model: states are kept in data space, where those at β = 1
    remain the model's, while those between must find their new laws.

    Args:
        n_rounds: rounds per draw, each of local moves on every rung and of swaps.
        n_rungs: rungs to begin with, flow and model included; some twice the barrier serve.
        max_rejection: rungs are added while swaps are rejected more often; null keeps n_rungs.
        n_local: local moves per round; swaps cost nothing, moves do.
        n_sweeps: sweeps of swaps per round; by default as many as there are rungs.
        local: the local kernel; by default a leapfrog a move, with a momentum nine tenths of which
            persist, and step sizes adapted rung by rung: of what was tried it renews chains
            fastest (`benchmarks/tempering_moves.py`).
        latent: whether chains move in the flow's latent space, else in that of the data, where
            steps are shorter.
        all_rungs: whether training learns from states of all rungs, as often as each weighs in the
            model, not from those at β = 1 alone: those of the hot rungs are newer, and more of
            them are independent. Weights are normalised by their own sum, so that their bias is
            of order 1 over the states. Evaluation draws at β = 1.
        adaptive: whether the flow learns from the draws; if not it stays as it was fitted to data.
        data_share: share of data in what the flow learns from; by default .2 if it learns.
        max_age: draws after which a state at β = 1 is to have been renewed, on average: more
            rounds are made while chains are older; null always makes n_rounds.
        most_rounds: rounds per draw that this may lead to; by default 8 times n_rounds.
        evaluation_rounds: rounds of a draw in test and predict, at least.
        compile: whether local moves run in compiled blocks: dear at first, cheaper from then on.
        chunk_size: states that networks are given at once, at most, which bounds memory; null is
            all.

    Raises:
        SettingError: if a number is out of its range, or a flow is to learn and not to, or blocks
            are to be both whole and in parts.

    Source: Geyer 1991; Syed et al. 2022; a reference that is learned, Surjanovic et al. 2022.
    """

    exact = True
    uses_flow = True

    def __init__(
        self,
        n_rounds: int = 1,
        n_rungs: int = 6,
        max_rejection: float | None = None,
        n_local: int = 1,
        n_sweeps: int | None = None,
        local: Kernel | None = None,
        latent: bool = True,  # noqa: FBT001, FBT002 - a name in YAML
        all_rungs: bool = True,  # noqa: FBT001, FBT002
        adaptive: bool = False,  # noqa: FBT001, FBT002
        data_share: float | None = None,
        max_age: float | None = None,
        most_rounds: int | None = None,
        evaluation_rounds: int = 8,
        compile: bool = False,  # noqa: FBT001, FBT002
        chunk_size: int | None = None,
    ) -> None:
        super().__init__()
        self.chunk_size = require_chunk_size(chunk_size, compile=compile)
        require_count("n_rounds", n_rounds)
        require_count("evaluation_rounds", evaluation_rounds)
        require_count("most_rounds", most_rounds, least=n_rounds, null="8 times n_rounds")
        require_positive("max_age", max_age, null="no bound")
        kernel = local or GeneralisedHMC(0.02, target_acceptance=0.8, drift=0.03)
        self.tempering = ReplicaExchange(
            Ladder(n_rungs, max_rejection), kernel, n_local, n_sweeps, compile=compile
        )
        self.exact = kernel.exact
        self.teaches_flow = adaptive
        self.data_share = share_of_data(data_share, learns=adaptive)
        self.latent = latent
        self.all_rungs = all_rungs
        self.n_rounds = n_rounds
        self.max_age = max_age
        self.most_rounds = most_rounds or 8 * n_rounds
        self.evaluation_rounds = evaluation_rounds
        self.age = 0.0
        self.orders: deque[Tensor] = deque(maxlen=SHOWN)

    def sample(self, problem: Problem, n: int) -> Draw:
        """One draw: n columns, some rounds each, of which the states at β = 1 are given."""
        space = problem.pullback() if self.latent else problem
        betas = self.tempering.ladder.betas
        keep_data = self.latent and self.teaches_flow
        rounds = list(self.tempering.rounds(space, n, self.rounds_now(), keep_data=keep_data))
        log_z = ladder_log_z(torch.stack([one.log_weights for one in rounds]), betas)
        info = self._info(rounds, betas, log_z)
        if self.training:
            self._watch(rounds)
            return Draw(space.to_data(self._drawn(rounds[-1], betas, log_z)), info)
        states = space.to_data(rounds[-1].chain.x)
        return Draw(states[-n:], info, record(betas, rounds, states))

    def flow_loss(self, problem: Problem, draw: Draw) -> Tensor | None:
        """Maximum likelihood of the flow on the draws, and on data for a part, if it learns."""
        if not self.teaches_flow:
            return None
        return flow_likelihood_loss(problem, draw, self.data_share)

    def picture(self) -> Figure:
        """β against rejection, and how states of the first column travelled of late."""
        from lightning_ebm.tempering.picture import ladder_picture

        return ladder_picture(self.tempering.ladder, self.orders)

    def follows(self, n: int) -> bool:
        """Columns are independent of each other: the states at β = 1 of each are one chain."""
        bank = self.tempering.replicas.bank
        return bank is None or len(bank["x"]) <= n

    def rounds_now(self) -> int:
        """Rounds of the next draw: n_rounds, or as many as the bound on the age asks for.

        In eval mode at least `evaluation_rounds`, since there a draw's beginning, which evaluates
        all states anew, tells nothing new.
        """
        if not self.training:
            return max(self.n_rounds, self.evaluation_rounds)
        if self.max_age is None:
            return self.n_rounds
        wanted = math.ceil(self.age / self.max_age)
        return min(max(self.n_rounds, wanted), self.most_rounds)

    def get_extra_state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"age": self.age}

    def set_extra_state(self, state: dict[str, float]) -> None:
        """Take up what a checkpoint kept."""
        self.age = state["age"]

    def _drawn(self, last: Round, betas: Tensor, log_z: LadderLogZ) -> Tensor:
        """What training is given, n points: the states at β = 1, or some of all rungs."""
        if not self.all_rungs:
            return last.top.x
        log_weights = pooled_log_weights(last.log_weights, betas, log_z.log_ratios)
        return last.chain.x[resampled(log_weights.flatten(), len(last.top.x))]

    def _watch(self, rounds: list[Round]) -> None:
        """Follow the age of the states at β = 1, in rounds."""
        self.orders.extend(one.order[:, 0].cpu() for one in rounds)
        age = float(rounds[-1].ages.double().mean())
        self.age += FORGETTING * (age - self.age)

    def _info(self, rounds: list[Round], betas: Tensor, log_z: LadderLogZ) -> Info:
        like = rounds[-1].top.x
        rejections = torch.stack([one.rejections for one in rounds]).nanmean(0)
        figures = {
            "log_z": log_z.value,
            "log_z_standard_error": log_z.standard_error,
            "barrier": rejections.nansum(),
            "largest_rejection": rejections.nan_to_num(0).max(),
            "age": rounds[-1].ages.double().mean(),
            "renewals": torch.stack([one.arrivals.double().mean() for one in rounds]).mean(),
            "rounds": len(rounds),
            "rungs": len(betas),
        }
        moved = torch.stack([one.moved for one in rounds]).mean(0)
        for k, beta in enumerate(betas):
            figures[f"beta_{k}"] = beta
            if k > 0:
                figures[f"moved_{k}"] = moved[k - 1]
                figures[f"swap_acceptance_{k}"] = 1 - rejections[k - 1]
        info = {name: torch.as_tensor(value).to(like) for name, value in figures.items()}
        return average([one.info for one in rounds]) | info

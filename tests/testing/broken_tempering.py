"""`flow_tempering` with one fault each, and the check that must see it."""

from __future__ import annotations

import torch

from lightning_ebm.kernels import GeneralisedHMC
from lightning_ebm.tempering import Ladder, ReplicaExchange
from sampler_plugins.flow_tempering import FlowTemperingSampler


def broken(kind: type[ReplicaExchange], kernel: GeneralisedHMC | None = None, **settings):
    """Few rungs and rounds, so that a fault is as cheap to see as may be."""
    sampler = FlowTemperingSampler(evaluation_rounds=1, **settings)
    kernel = kernel or GeneralisedHMC(0.05, persistence=0.0, target_acceptance=0.6)
    sampler.tempering = kind(Ladder(3), kernel)
    return sampler


class WrongSign(ReplicaExchange):
    """Swaps by exp((β_{k+1} - β_k)(V_{k+1} - V_k))."""

    def swaps(self, ends, betas):
        return super().swaps(ends._replace(log_weight=-ends.log_weight), betas)


class OneSide(ReplicaExchange):
    """The density of the colder rung alone, with its own state's weight taken for a constant."""

    def swaps(self, ends, betas):
        v = ends.log_weight.view(len(betas), -1)
        return super().swaps(
            ends._replace(log_weight=v.mul(betas.to(v)[:, None]).flatten()), betas
        )


class LogReferenceForgotten(ReplicaExchange):
    """Swaps by log p̃ in place of log p̃ - log ρ."""

    def swaps(self, ends, betas):
        log_density = ends.log_weight + ends.log_reference
        return super().swaps(ends._replace(log_weight=log_density), betas)


class OldLadder(ReplicaExchange):
    """Swaps by the β that the rungs had before they were placed."""

    def swaps(self, ends, betas):
        return super().swaps(ends, betas**0.5)


class NotFresh(ReplicaExchange):
    """The lowest rung is one set of draws, the same at every round."""

    def _prepared(self, path, moving, kept, fresh):
        if not hasattr(self, "drawn") or self.drawn.shape != fresh.x.shape:
            self.drawn = fresh.x[:1].expand_as(fresh.x).clone()
        return super()._prepared(path, moving, kept, fresh._replace(x=self.drawn.to(fresh.x)))


class RestlessLadder(Ladder):
    """Follows the rejections in eval mode too."""

    def observe(self, rejections):
        training, self.training = self.training, True
        super().observe(rejections)
        self.training = training


class Restless(ReplicaExchange):
    def __init__(self, ladder, local):
        super().__init__(RestlessLadder(3, every=1), local)


class Onwards(GeneralisedHMC):
    """The momentum goes on as it was where a trajectory is rejected."""

    def step(self, problem, chain):
        before = chain.x
        after, info = super().step(problem, chain)
        stayed = (after.x == before).flatten(1).all(1)
        turned = torch.where(
            stayed.view(-1, *[1] * (before.dim() - 1)), -after.momentum, after.momentum
        )
        return after._replace(momentum=turned), info


class ScoreLeftBehind(ReplicaExchange):
    """A state that is swapped finds the score of the one that it takes the place of."""

    def moved(self, moving, chain):
        n = len(moving.beta) // (len(self.ladder) - 1)
        return super().moved(moving, chain._replace(score=chain.score.roll(n, 0)))


class OneBank(ReplicaExchange):
    """Chains in a buffer, which DistributedDataParallel makes those of rank 0."""

    def __init__(self, ladder, local):
        super().__init__(ladder, local)
        self.register_buffer("chains", torch.zeros(0))

    def rounds(self, space, n, n_rounds, **options):
        yield from super().rounds(space, n, n_rounds, **options)
        self.chains = self.replicas.bank["x"]


BROKEN_TEMPERING = {
    "wrong sign of a swap": (broken(WrongSign), "invariance"),
    "swap without the density of one side": (broken(OneSide), "invariance"),
    "log ρ forgotten": (broken(LogReferenceForgotten), "invariance"),
    "β of the old ladder": (broken(OldLadder), "invariance"),
    "lowest rung not fresh": (broken(NotFresh), "invariance"),
    "ladder adapts while measured": (broken(Restless), "still while measured"),
    "momentum kept at a rejection": (
        broken(ReplicaExchange, Onwards(0.3, persistence=0.95)),
        "invariance",
    ),
    "score left behind": (broken(ScoreLeftBehind), "invariance"),
    "chains in a buffer": (broken(OneBank), "chains are each process's own"),
}

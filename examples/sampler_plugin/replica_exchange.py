"""`replica_exchange`: chains at a ladder of temperatures that swap states; needs no flow."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from lightning_ebm import Draw, Problem, Sampler, SettingError
from lightning_ebm.chain import Chain, with_density
from lightning_ebm.kernels import MALA, average
from lightning_ebm.kernels.metropolis import metropolis_hastings
from lightning_ebm.starts import Persistent
from lightning_ebm.zero_density import begin_chains

LADDER = (1.0, 0.6, 0.35, 0.2, 0.1, 0.0)


class ReplicaExchangeSampler(Sampler):
    """Replica exchange: hot chains cross between modes, and hand what they find to cold ones.

    Rung k holds n persistent chains on p^β_k · reference^(1-β_k). Each round moves every rung by
    MALA, then neighbouring rungs swap states. The chains of β = 1 are what is drawn. The work is
    that of as many `mala` samplers as there are rungs.

    Args:
        ladder: β of each rung, from 1 downwards; 0 is the reference itself.
        n_rounds: rounds per draw.
        n_local: MALA steps per round.
        step_size: γ of MALA on every rung, where its adaptation begins.
        target_acceptance: acceptance that each rung's γ is adapted to; null keeps it fixed.

    Raises:
        SettingError: if the ladder does not descend from 1.

    Source: Geyer 1991; Hukushima and Nemoto 1996, section 2.
    """

    exact = True

    def __init__(
        self,
        ladder: list[float] | None = None,
        n_rounds: int = 2,
        n_local: int = 3,
        step_size: float = 0.01,
        target_acceptance: float | None = 0.6,
    ) -> None:
        super().__init__()
        self.ladder = list(LADDER) if ladder is None else ladder
        descends = all(hot < cold for cold, hot in pairwise(self.ladder))
        if self.ladder[:1] != [1.0] or not descends or self.ladder[-1] < 0:
            raise SettingError(
                f"ladder is {self.ladder}: give numbers that descend from 1 and end at 0 or above"
            )
        if min(n_rounds, n_local) < 1:
            raise SettingError(
                f"n_rounds is {n_rounds} and n_local {n_local}: both need 1 or more"
            )
        self.n_rounds = n_rounds
        self.n_local = n_local
        self.starts = nn.ModuleList(Persistent() for _ in self.ladder)
        self.walks = nn.ModuleList(MALA(step_size, target_acceptance) for _ in self.ladder)

    def sample(self, problem: Problem, n: int) -> Draw:
        """One draw: the cold chains after `n_rounds` of local moves and swaps."""
        rungs = [problem.tempered(beta) for beta in self.ladder]
        chains = [
            begin_chains(start, walk, rung, n).chain
            for start, walk, rung in zip(self.starts, self.walks, rungs, strict=True)
        ]
        infos = []
        for _ in range(self.n_rounds):
            for k, (rung, walk) in enumerate(zip(rungs, self.walks, strict=True)):
                for _ in range(self.n_local):
                    chains[k], info = walk.step(rung, chains[k])
                    if k == 0:
                        infos.append(info)
            # Even pairs and then odd ones, so that a state can travel the whole ladder.
            for first in (0, 1):
                for k in range(first, len(rungs) - 1, 2):
                    chains[k], chains[k + 1], info = swap(*rungs[k : k + 2], *chains[k : k + 2])
                    infos.append(info)
        for start, chain in zip(self.starts, chains, strict=True):
            start.end(chain.x)
        return Draw(chains[0].x, average(infos))


def swap(
    cold: Problem, hot: Problem, chain: Chain, other: Chain
) -> tuple[Chain, Chain, dict[str, Tensor]]:
    """Exchange the states of two rungs, chain by chain, by Metropolis-Hastings.

    log a = log p_c(y) + log p_h(x) - log p_c(x) - log p_h(y) for x on the cold rung, y on the hot.
    """
    together = torch.stack([chain.x, other.x], dim=1)
    current = with_density(cold, chain).log_prob + with_density(hot, other).log_prob
    swapped = cold.log_prob(other.x) + hot.log_prob(chain.x)
    # Both states in one chain: one decision moves both or neither.
    pair, info = metropolis_hastings(
        Chain(together, current), Chain(together.flip(1), swapped), swapped - current, move="swap"
    )
    return Chain(pair.x[:, 0]), Chain(pair.x[:, 1]), info

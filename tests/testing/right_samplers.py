"""Right samplers that are unlike the built-in ones: the kit must not fail them."""

from __future__ import annotations

import torch
from broken_samplers import Walk, persistent

from lightning_ebm.chain import Chain, choose, per_point, with_density
from lightning_ebm.kernels import Kernel, average
from lightning_ebm.kernels.metropolis import metropolis_hastings

WIDTH = 2.0


class RandomWalk(Walk):
    """Random-walk Metropolis of fixed steps."""


class Coordinates(Kernel):
    """Metropolis within Gibbs: one coordinate after the other, all of them in one transition."""

    exact = True

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        infos = []
        for i in range(chain.x[0].numel()):
            y = chain.x.flatten(1).clone()
            y[:, i] += 1.5 * torch.randn(len(y)).to(y)
            proposed = with_density(problem, Chain(y.view_as(chain.x)))
            log_ratio = proposed.log_prob - chain.log_prob
            chain, info = metropolis_hastings(chain, proposed, log_ratio, move="local")
            infos.append(info)
        return chain, average(infos)


class Slice(Kernel):
    """Slice sampling along a random direction, drawing until all chains are done (Neal 2003).

    Its use of random numbers depends on all chains, and each is independent of the others.
    """

    exact = True

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        along = self.direction(chain.x)
        level = chain.log_prob + torch.rand_like(chain.log_prob).log()

        def inside(t):
            log_prob = problem.log_prob(chain.x + per_point(t, chain.x) * along)
            return (log_prob > level) & log_prob.isfinite()

        low = -WIDTH * torch.rand_like(level)
        high = low + WIDTH
        for end, outward in ((low, -WIDTH), (high, WIDTH)):
            growing = torch.ones_like(level, dtype=torch.bool)
            while (growing := growing & inside(end)).any():
                end[growing] += outward
        done = torch.zeros_like(level, dtype=torch.bool)
        found, failures = torch.zeros_like(level), torch.zeros(())
        while not done.all():
            t = low + (high - low) * torch.rand_like(level)
            hit = inside(t) & ~done
            found = torch.where(hit, t, found)
            done = done | hit
            low = torch.where(~done & (t < 0), t, low)
            high = torch.where(~done & (t >= 0), t, high)
            failures = failures + (~done).float().mean()
        moved = Chain(chain.x + per_point(found, chain.x) * along)
        everywhere = torch.ones_like(done)
        return choose(everywhere, moved, Chain(chain.x)), {"non_finite": failures}

    def direction(self, x):
        along = torch.randn_like(x)
        return along / per_point(along.flatten(1).norm(dim=1), x)


class CoordinateSlice(Slice):
    """The same along one coordinate drawn at random."""

    def direction(self, x):
        axis = torch.randint(x[0].numel(), (len(x),))
        return torch.nn.functional.one_hot(axis, x[0].numel()).to(x).view_as(x)


class Lazy(Walk):
    """A random walk of steps far too short: right, and slow."""

    def __init__(self):
        super().__init__(0.01)


RIGHT_AND_UNLIKE = {
    "random walk": persistent(RandomWalk(0.4)),
    "random walk, long steps": persistent(RandomWalk(1.0), 3),
    "coordinate by coordinate": persistent(Coordinates(), 1),
    "slice until all are done": persistent(Slice()),
    "slice along coordinates": persistent(CoordinateSlice(), 10),
    "far too slow": persistent(Lazy()),
}

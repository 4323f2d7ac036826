"""Samplers with one fault each, as published code has had them, and the check that must see it."""

from __future__ import annotations

import torch
from torch import nn

from lightning_ebm.chain import Chain, choose, with_density, with_score
from lightning_ebm.kernels import HMC, IMH, MALA, ULA, Kernel, average
from lightning_ebm.kernels.langevin import langevin_distance, langevin_proposal
from lightning_ebm.kernels.leapfrog import leapfrogs
from lightning_ebm.kernels.metropolis import metropolis_hastings
from lightning_ebm.kernels.step_size import Scales
from lightning_ebm.sampler import MCMC, Draw, Sampler, flow_likelihood_loss
from lightning_ebm.starts import FromFlow, Persistent


def persistent(kernel: Kernel, n_steps: int = 5, **options: object) -> MCMC:
    return MCMC(Persistent(), kernel, n_steps, **options)


def langevin(chain: Chain, step_size: torch.Tensor) -> torch.Tensor:
    return langevin_proposal(chain, Scales.of(step_size, chain.x))


def log_q(to: torch.Tensor, start: Chain, step_size: torch.Tensor) -> torch.Tensor:
    return -langevin_distance(to, start, Scales.of(step_size, to))


class SmallMomentum(HMC):
    """Momentum of deviation √.5, kinetic energy of unit mass."""

    def step(self, problem, chain):
        chain = with_score(problem, chain)
        step_size, mass = self.step_size(chain.x), self._mass(chain.x)
        momentum = torch.randn_like(chain.x) * 0.5**0.5
        time = (2 * step_size).sqrt()
        proposed, final = leapfrogs(problem, chain, momentum, time, self.n_leapfrog, mass)
        kinetic = (momentum.square() - final.square()).sum(1) / 2
        log_ratio = proposed.log_prob - chain.log_prob + kinetic
        return metropolis_hastings(chain, proposed, log_ratio, move="local")


class StaleScore(MALA):
    """The score is not refreshed when a proposal is accepted."""

    def step(self, problem, chain):
        chain = with_score(problem, chain)
        step_size = self.step_size(chain.x)
        proposed = with_score(problem, Chain(langevin(chain, step_size)))
        log_ratio = (
            proposed.log_prob
            - chain.log_prob
            + log_q(chain.x, proposed, step_size)
            - log_q(proposed.x, chain, step_size)
        )
        moved, info = metropolis_hastings(chain, proposed, log_ratio, move="local")
        return moved._replace(score=chain.score), info


class TwiceTempered(MALA):
    """The temperature, which the problem has applied, is applied once more."""

    def step(self, problem, chain):
        temperature = getattr(problem.networks[0], "temperature", 1.0)
        return super().step(problem.tempered(1 / temperature, _Flat()), chain)


class _Flat:
    def log_prob(self, x):
        return 0 * x.flatten(1).sum(1)


class Ancestors(Persistent):
    """Chains are drawn from the bank with replacement."""

    def begin(self, problem, n):
        x = super().begin(problem, n)
        return x[torch.randint(n, (n,))]


class OthersPlaces(Persistent):
    """Chains are written over each other's places."""

    def end(self, x):
        self.bank[self.places // 2] = x


class RestlessStep(MALA):
    """The step size follows the acceptance in eval mode too."""

    def step(self, problem, chain):
        chain, info = super().step(problem, chain)
        change = 0.02 * (info["acceptance_local"].double() - 0.4)
        self.step_size.log_value = self.step_size.log_value + change
        return chain, info


class BatchCoupled(MALA):
    """Proposals are standardised by the batch, as BatchNorm does."""

    def step(self, problem, chain):
        chain, info = super().step(problem, chain)
        return Chain(chain.x - 0.1 * (chain.x.mean(0) - chain.x.mean(0).detach().round())), info


class Clamped(MALA):
    """Accepted chains are clamped to a box."""

    def step(self, problem, chain):
        chain, info = super().step(problem, chain)
        return Chain(chain.x.clamp(-1, 1)), info


class NaNReplaced(MALA):
    """A density that is not a number is replaced by a constant, and accepted."""

    def step(self, problem, chain):
        def log_density(x):
            return problem.log_density(x).nan_to_num(0.1, 0.1, 0.1)

        chain, info = super().step(_with(problem, log_density), chain)
        return chain, info


class NotCounted(MALA):
    """Proposals that are not finite are rejected in silence."""

    def step(self, problem, chain):
        chain, info = super().step(problem, chain)
        return chain, info | {"non_finite": torch.zeros(())}


class NoHastings(MALA):
    """The asymmetry of the Langevin proposal is left out of the ratio."""

    def step(self, problem, chain):
        chain = with_score(problem, chain)
        proposed = with_score(problem, Chain(langevin(chain, self.step_size(chain.x))))
        log_ratio = proposed.log_prob - chain.log_prob
        return metropolis_hastings(chain, proposed, log_ratio, move="local")


class NoJacobian(MCMC):
    """Latent chains without log|det J|."""

    uses_flow = True

    def sample(self, problem, n):
        flow = problem.flow
        space = problem.pullback()
        space = _with(space, lambda z: problem.log_density(flow.forward(z)[0]))
        chain = Chain(self.start.begin(space, n))
        for _ in range(self.n_steps):
            chain, info = self.kernel.step(space, chain)
        self.start.end(chain.x)
        return Draw(space.to_data(chain.x), info)


class WrongLogQ(IMH):
    """The flow's density of states is forgotten in the ratio."""

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        y, _ = problem.proposal.sample(len(chain.x))
        proposed = with_density(problem, Chain(y))
        log_ratio = proposed.log_prob - chain.log_prob
        return metropolis_hastings(chain, proposed, log_ratio, move="global")


class FlowInTraining(IMH):
    """The proposals' densities come from the flow in training mode."""

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        y, log_q_y = problem.proposal.sample(len(chain.x))
        problem.flow.training = True
        log_q_x = problem.flow.log_prob(chain.x)
        problem.flow.training = False
        proposed = with_density(problem, Chain(y))
        log_ratio = proposed.log_prob - log_q_y - chain.log_prob + log_q_x
        return metropolis_hastings(chain, proposed, log_ratio.detach(), move="global")


class FlowUser(MCMC):
    """Persistent chains of a kernel that needs the flow."""

    uses_flow = True


class AcceptsNaN(IMH):
    """A ratio that is not a number is taken for 1."""

    def step(self, problem, chain):
        y, log_q_y = problem.proposal.sample(len(chain.x))
        chain, proposed = with_density(problem, chain), with_density(problem, Chain(y))
        log_ratio = proposed.log_prob - log_q_y
        log_ratio = log_ratio - chain.log_prob + problem.proposal.log_prob(chain.x)
        accepted = torch.rand(len(y)).log() < log_ratio.nan_to_num(0.0)
        info = {"non_finite": (~log_ratio.isfinite()).float().mean()}
        return choose(accepted, proposed, chain), info


class LeavesGradients(MCMC):
    """Energies are differentiated with respect to parameters too."""

    def forward(self, problem, n):
        draw = super().forward(problem, n)
        problem.log_density(draw.x).sum().backward()
        return draw


class MovesBuffers(MCMC):
    """Networks sample in training mode."""

    def sample(self, problem, n):
        for network in problem.networks:
            network.train()
        return super().sample(problem, n)


class StateLost(MCMC):
    """The chains kept are not saved."""

    def __init__(self):
        super().__init__(Forgetful(), MALA(0.1), 5)


class Forgetful(Persistent):
    def get_extra_state(self):
        return {"bank": None}


class OwnGenerator(Sampler):
    """Noise comes from a generator of its own."""

    exact = False

    def __init__(self):
        super().__init__()
        self.generator = torch.Generator()
        self.generator.seed()

    def __deepcopy__(self, memo):
        return OwnGenerator()

    def sample(self, problem, n):
        x = torch.randn(n, *problem.event_shape, generator=self.generator)
        return Draw(x, {"non_finite": torch.ones(())})


class Reseeds(MCMC):
    """Every draw begins by seeding."""

    def sample(self, problem, n):
        torch.manual_seed(0)
        return super().sample(problem, n)


class VectorsOnly(MALA):
    """Squared distances are summed over the last dimension alone."""

    def step(self, problem, chain):
        chain, info = super().step(problem, chain)
        return Chain(chain.x + 0 * chain.x.sum(1, keepdim=True).view(len(chain.x), 1)), info


class SinglePrecision(MALA):
    """Whatever comes is worked on in float32."""

    def step(self, problem, chain):
        return super().step(problem, Chain(chain.x.float()))


class SharedUniform(Kernel):
    """One uniform number decides for the whole batch; the batch moves or stays as one."""

    exact = True

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        proposed = with_density(problem, Chain(chain.x + 0.4 * torch.randn_like(chain.x)))
        ratio = (proposed.log_prob - chain.log_prob).mean()
        accepted = torch.rand(()) < ratio.exp()
        info = {"non_finite": torch.ones(())}
        return (proposed if accepted else chain), info


class SaysExact(MCMC):
    """ULA that calls itself exact."""

    def __init__(self):
        super().__init__(Persistent(), ULA(0.3), 5)
        self.exact = True


class SaysExactFromFlow(MCMC):
    """Short chains restarted from the flow that call themselves exact."""

    uses_flow = True

    def __init__(self):
        super().__init__(FromFlow(), MALA(0.05), 5)
        self.exact = True


class TeachesNothing(MCMC):
    """Says that it teaches the flow, and returns no loss."""

    uses_flow = True
    teaches_flow = True


class KeepsLogProb(MCMC):
    """Log p of where chains ended is kept for the next draw, whose target is another."""

    def sample(self, problem, n):
        space = problem.pullback() if self.latent else problem
        x = self.start.begin(space, n)
        chain = self.recall(space, x)
        infos = []
        for _ in range(self.n_steps):
            chain, info = self.kernel.step(space, chain)
            infos.append(info)
        self.start.end(chain.x)
        self.kept = chain
        return Draw(space.to_data(chain.x), average(infos))

    def recall(self, space, x):
        known = getattr(self, "kept", None)
        if known is None or not torch.equal(known.x, x):
            return Chain(x)
        return with_score(space, Chain(x))._replace(log_prob=known.log_prob)


class KeepsScore(KeepsLogProb):
    """The score of where chains ended is kept for the next draw, whose target is another."""

    def recall(self, space, x):
        known = getattr(self, "kept", None)
        if known is None or not torch.equal(known.x, x):
            return Chain(x)
        return Chain(x, space.log_prob(x), known.score)


class LatentKeepsLogProb(KeepsLogProb):
    """The same in the latent space of the flow."""

    uses_flow = True


class LatentKeepsScore(KeepsScore):
    """The same in the latent space of the flow."""

    uses_flow = True


class TeachingFlowUser(FlowUser):
    """Persistent chains of a kernel whose flow learns."""

    teaches_flow = True

    def flow_loss(self, problem, draw):
        return flow_likelihood_loss(problem, draw)


class KeepsLogQ(TeachingFlowUser):
    """The flow's density of states is kept for the next draw, when the flow has learnt."""

    def __init__(self):
        super().__init__(Persistent(), IMH(), 1)

    def sample(self, problem, n):
        x = self.start.begin(problem, n)
        chain = with_density(problem, Chain(x))
        known_x, log_q = getattr(self, "kept", (None, None))
        if known_x is None or not torch.equal(known_x, x):
            log_q = problem.proposal.log_prob(x)
        y, log_q_y = problem.proposal.sample(n)
        proposed = with_density(problem, Chain(y))
        log_ratio = proposed.log_prob - log_q_y - chain.log_prob + log_q
        moved, info = metropolis_hastings(chain, proposed, log_ratio.detach(), move="global")
        took = (moved.x == y).all(1)
        self.kept = (moved.x.detach().clone(), torch.where(took, log_q_y, log_q).detach())
        self.start.end(moved.x)
        return Draw(moved.x, info)


class DrawnAhead(TeachingFlowUser):
    """Proposals are drawn ahead, and their log q is taken when the flow has changed."""

    def __init__(self):
        super().__init__(Persistent(), IMH(), 1)

    def sample(self, problem, n):
        chain = with_density(problem, Chain(self.start.begin(problem, n)))
        y = getattr(self, "ahead", None)
        if y is None or y.shape != chain.x.shape:
            y = problem.proposal.sample(n)[0]
        proposed = with_density(problem, Chain(y))
        log_ratio = proposed.log_prob - problem.proposal.log_prob(y)
        log_ratio = log_ratio - chain.log_prob + problem.proposal.log_prob(chain.x)
        chain, info = metropolis_hastings(chain, proposed, log_ratio.detach(), move="global")
        self.ahead = problem.proposal.sample(n)[0].detach()
        self.start.end(chain.x)
        return Draw(chain.x, info)


class FirstTarget(MCMC):
    """The target that it saw first is sampled for ever."""

    def sample(self, problem, n):
        if getattr(self, "problem", None) is None or self.problem.event_shape != (
            problem.event_shape
        ):
            self.problem = problem
        return super().sample(self.problem, n)

    def __deepcopy__(self, memo):
        return FirstTarget(Persistent(), MALA(0.1), 5)


class OneDrawLate(MCMC):
    """Each draw is of the target of the draw before."""

    def sample(self, problem, n):
        late = self.__dict__.get("late") or problem
        self.__dict__["late"] = problem
        return super().sample(late, n)

    def __deepcopy__(self, memo):
        return OneDrawLate(Persistent(), MALA(0.1), 5)


class Ratio(MALA):
    """MALA whose log-ratio is altered by `ratio`."""

    def step(self, problem, chain):
        chain = with_score(problem, chain)
        step_size = self.step_size(chain.x)
        proposed = with_score(problem, Chain(self.propose(chain, step_size)))
        log_ratio = self.ratio(chain, proposed, step_size)
        return metropolis_hastings(chain, proposed, log_ratio, move="local")

    def propose(self, chain, step_size):
        return langevin(chain, step_size)

    def ratio(self, chain, proposed, step_size):
        return (
            proposed.log_prob
            - chain.log_prob
            + log_q(chain.x, proposed, step_size)
            - log_q(proposed.x, chain, step_size)
        )


class ThreeCoordinates(Ratio):
    """The Hastings correction is summed over the first three coordinates."""

    def ratio(self, chain, proposed, step_size):
        def log_q(to, start):
            gap = (to - start.x - step_size * start.score).flatten(1)[:, :3]
            return -gap.square().sum(1) / (4 * step_size)

        correction = log_q(chain.x, proposed) - log_q(proposed.x, chain)
        return proposed.log_prob - chain.log_prob + correction


class LastAxis(Ratio):
    """The Hastings correction of an image is summed over its last row."""

    def ratio(self, chain, proposed, step_size):
        def log_q(to, start):
            gap = (to - start.x - step_size * start.score).flatten(1)
            return -gap[:, -to.shape[-1] :].square().sum(1) / (4 * step_size)

        correction = log_q(chain.x, proposed) - log_q(proposed.x, chain)
        return proposed.log_prob - chain.log_prob + correction


class Densities(Ratio):
    """Densities stand where their logarithms should."""

    def ratio(self, chain, proposed, step_size):
        correction = log_q(chain.x, proposed, step_size)
        correction = correction - log_q(proposed.x, chain, step_size)
        return (proposed.log_prob.exp() / chain.log_prob.exp()).log() + correction


class ProposalDensities(Ratio):
    """Densities of proposals stand where their logarithms should."""

    def ratio(self, chain, proposed, step_size):
        back = log_q(chain.x, proposed, step_size).exp()
        there = log_q(proposed.x, chain, step_size).exp()
        return proposed.log_prob - chain.log_prob + (back / there).log()


class FivePercent(Ratio):
    """The log-ratio is 1.05 times what it should be."""

    def ratio(self, chain, proposed, step_size):
        return 1.05 * super().ratio(chain, proposed, step_size)


class FivePercentHMC(HMC):
    """The energy error of a trajectory is 1.05 times what it should be."""

    def step(self, problem, chain):
        chain = with_score(problem, chain)
        step_size, mass = self.step_size(chain.x), self._mass(chain.x)
        momentum = torch.randn_like(chain.x)
        time = (2 * step_size).sqrt()
        proposed, final = leapfrogs(problem, chain, momentum, time, self.n_leapfrog, mass)
        kinetic = (momentum.square() - final.square()).flatten(1).sum(1) / 2
        log_ratio = 1.05 * (proposed.log_prob - chain.log_prob + kinetic)
        return metropolis_hastings(chain, proposed, log_ratio, move="local")


class Walk(Kernel):
    """A random walk, right but for what a subclass does to its log-ratio or its step."""

    exact = True

    def __init__(self, deviation=0.4):
        super().__init__()
        self.deviation = deviation

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        y = chain.x + self.step_at(chain.x) * torch.randn_like(chain.x)
        proposed = with_density(problem, Chain(y))
        log_ratio = self.ratio(proposed.log_prob - chain.log_prob)
        return metropolis_hastings(chain, proposed, log_ratio, move="local")

    def step_at(self, x):
        return self.deviation

    def ratio(self, log_ratio):
        return log_ratio


class FivePercentWalk(Walk):
    """The log-ratio is 1.05 times what it should be."""

    def ratio(self, log_ratio):
        return 1.05 * log_ratio


class Reversed(Walk):
    """The log-ratio has the wrong sign."""

    def ratio(self, log_ratio):
        return -log_ratio


class StepOfTheState(Walk):
    """Far out steps are longer, and the ratio does not know."""

    def step_at(self, x):
        norm = x.flatten(1).square().mean(1).sqrt()
        return self.deviation * (0.5 + norm).view(-1, *[1] * (x.dim() - 1))


class TriesUntilAccepted(Walk):
    """A rejected chain tries once more, instead of being counted again where it is."""

    def step(self, problem, chain):
        moved, info = super().step(problem, chain)
        again, _ = super().step(problem, chain)
        return choose((moved.x == chain.x).flatten(1).all(1), again, moved), info


class BetterOfTwo(Walk):
    """The better of two proposals is accepted as if it were the only one."""

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        one, two = (
            with_density(problem, Chain(chain.x + self.deviation * torch.randn_like(chain.x)))
            for _ in range(2)
        )
        better = choose(one.log_prob > two.log_prob, one, two)
        log_ratio = better.log_prob - chain.log_prob
        return metropolis_hastings(chain, better, log_ratio, move="local")


class CoordinatesAtOnce(Walk):
    """Every coordinate decides for itself by the ratio of all."""

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        proposed = with_density(
            problem, Chain(chain.x + self.deviation * torch.randn_like(chain.x))
        )
        ratio = (proposed.log_prob - chain.log_prob).view(-1, *[1] * (chain.x.dim() - 1))
        taken = torch.rand_like(chain.x).log() < ratio
        return Chain(torch.where(taken, proposed.x, chain.x)), {"non_finite": torch.ones(())}


class SharedByPairs(Walk):
    """Two chains share the uniform number that decides."""

    group = 2

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        proposed = with_density(
            problem, Chain(chain.x + self.deviation * torch.randn_like(chain.x))
        )
        n = len(chain.x)
        uniform = torch.rand(-(-n // self.group)).repeat_interleave(self.group)[:n]
        accepted = uniform.log() < proposed.log_prob - chain.log_prob
        return choose(accepted, proposed, chain), {"non_finite": torch.ones(())}


class SharedByAll(SharedByPairs):
    """All chains share the uniform number that decides, each by its own ratio."""

    group = 10**6


class SharedByHalves(SharedByPairs):
    """Noise is drawn for a half of the chains and used for both."""

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        half = torch.randn_like(chain.x[: (len(chain.x) + 1) // 2])
        noise = torch.cat([half, half])[: len(chain.x)]
        proposed = with_density(problem, Chain(chain.x + self.deviation * noise))
        log_ratio = proposed.log_prob - chain.log_prob
        return metropolis_hastings(chain, proposed, log_ratio, move="local")


class QuietNoise(Ratio):
    """Noise has variance γ, while the ratio believes in 2γ."""

    def propose(self, chain, step_size):
        return chain.x + step_size * chain.score + step_size.sqrt() * torch.randn_like(chain.x)


class NoLastHalfStep(HMC):
    """Leapfrogs end without their last half step of the momentum."""

    def step(self, problem, chain):
        chain = with_score(problem, chain)
        begun = momentum = torch.randn_like(chain.x)
        time, proposed = (2 * self.step_size(chain.x)).sqrt(), chain
        for _ in range(self.n_leapfrog):
            momentum = momentum + time * proposed.score
            proposed = with_score(problem, Chain(proposed.x + time * momentum))
        kinetic = (begun.square() - momentum.square()).flatten(1).sum(1) / 2
        log_ratio = proposed.log_prob - chain.log_prob + kinetic
        return metropolis_hastings(chain, proposed, log_ratio, move="local")


class KeepsMomentum(MCMC):
    """Momentum is renewed in part, and not turned round when a trajectory is rejected."""

    def __init__(self):
        super().__init__(Persistent(), HMC(0.5, 2), 10)

    def sample(self, problem, n):
        chain = with_score(problem, Chain(self.start.begin(problem, n)))
        momentum = getattr(self, "momentum", None)
        if momentum is None or momentum.shape != chain.x.shape:
            momentum = torch.randn_like(chain.x)
        momentum = momentum.to(chain.x)
        time = torch.as_tensor(1.0).to(chain.x)
        for _ in range(self.n_steps):
            momentum = 0.9 * momentum + 0.19**0.5 * torch.randn_like(momentum)
            proposed, final = leapfrogs(problem, chain, momentum, time, 2)
            kinetic = (momentum.square() - final.square()).flatten(1).sum(1) / 2
            log_ratio = proposed.log_prob - chain.log_prob + kinetic
            chain, info = metropolis_hastings(chain, proposed, log_ratio, move="local")
            moved = (chain.x == proposed.x).flatten(1).all(1)
            momentum = torch.where(moved.view(-1, *[1] * (momentum.dim() - 1)), final, momentum)
        self.start.end(chain.x)
        self.momentum = momentum
        return Draw(chain.x, info)


class ForgetsState(IMH):
    """I-SIR among fresh draws alone, without the state."""

    def step(self, problem, chain):
        chain = with_density(problem, chain)
        y, log_q = problem.proposal.sample(4 * len(chain.x))
        weights = (problem.log_prob(y) - log_q.detach()).view(-1, 4).softmax(1)
        picked = weights.multinomial(1).squeeze(1) + 4 * torch.arange(len(chain.x))
        return Chain(y[picked].detach()), {"non_finite": torch.ones(())}


class WrongSign(MCMC):
    """Latent chains with log|det J| taken off instead of added."""

    uses_flow = True

    def sample(self, problem, n):
        flow = problem.flow
        space = problem.pullback()

        def log_density(z):
            x, log_det = flow.forward(z)
            return problem.log_density(x) - log_det

        chain = Chain(self.start.begin(space, n))
        for _ in range(self.n_steps):
            chain, info = self.kernel.step(_with(space, log_density), chain)
        self.start.end(chain.x)
        return Draw(space.to_data(chain.x), info)


class StaysAtZero(Sampler):
    """Chains that begin where the density is zero stay there, and nothing is said."""

    exact = True

    def __init__(self):
        super().__init__()
        self.start, self.kernel = Persistent(), MALA(0.1)

    def sample(self, problem, n):
        chain = Chain(self.start.begin(problem, n))
        for _ in range(5):
            chain, info = self.kernel.step(problem, chain)
        self.start.end(chain.x)
        return Draw(chain.x, info)


def _with(problem, log_density):
    from dataclasses import replace

    return replace(problem, log_density=log_density)


BROKEN: dict[str, tuple[nn.Module, str]] = {
    "momentum that does not match the mass": (persistent(SmallMomentum(0.1, 3)), "invariance"),
    "score not refreshed": (persistent(StaleScore(0.2)), "invariance"),
    "temperature applied twice": (persistent(TwiceTempered(0.2)), "temperature"),
    "descendants of few ancestors": (MCMC(Ancestors(), MALA(0.1), 5), "chains stay distinct"),
    "others' places": (MCMC(OthersPlaces(), MALA(0.1), 5), "chains stay distinct"),
    "adapts while measured": (persistent(RestlessStep(0.1)), "still while measured"),
    "coupled by the batch": (persistent(BatchCoupled(0.1)), "chains are independent"),
    "one decision for the batch": (persistent(SharedUniform()), "chains are independent"),
    "clamped": (persistent(Clamped(0.1)), "invariance"),
    "NaN replaced by a constant": (persistent(NaNReplaced(0.1)), "non-finite rejected"),
    "NaN of a flow proposal accepted": (
        FlowUser(Persistent(), AcceptsNaN(), 5),
        "non-finite rejected",
    ),
    "non-finite not counted": (persistent(NotCounted(0.1)), "non-finite rejected"),
    "no Hastings correction": (persistent(NoHastings(0.2)), "invariance"),
    "no Jacobian": (NoJacobian(Persistent(), MALA(0.1), 5), "invariance"),
    "log q forgotten": (FlowUser(Persistent(), WrongLogQ(), 5), "invariance"),
    "flow in training mode": (FlowUser(Persistent(), FlowInTraining(), 5), "invariance"),
    "gradients left": (LeavesGradients(Persistent(), MALA(0.1), 5), "no gradients left"),
    "buffers moved": (MovesBuffers(Persistent(), MALA(0.1), 5), "networks unchanged"),
    "state not saved": (StateLost(), "state restored"),
    "generator of its own": (OwnGenerator(), "same seed, same chains"),
    "seeds at every draw": (
        Reseeds(Persistent(), MALA(0.1), 5),
        "same seed, same chains",
    ),
    "vectors only": (persistent(VectorsOnly(0.1)), "any shape and number"),
    "single precision": (persistent(SinglePrecision(0.1)), "both precisions"),
    "ULA that says exact": (SaysExact(), "invariance"),
    "restarts that say exact": (SaysExactFromFlow(), "invariance"),
    "teaches nothing": (TeachesNothing(Persistent(), MALA(0.1), 5), "declaration"),
    "log p kept": (KeepsLogProb(Persistent(), MALA(0.1), 5), "density moves"),
    "log p kept by a random walk": (KeepsLogProb(Persistent(), Walk(), 5), "density moves"),
    "log p kept in latent space": (
        LatentKeepsLogProb(Persistent(), MALA(0.1), 5, latent=True),
        "density moves",
    ),
    "score kept": (KeepsScore(Persistent(), MALA(0.1), 5), "score moves"),
    "score kept by HMC": (KeepsScore(Persistent(), HMC(0.1, 3), 2), "score moves"),
    "score kept in latent space": (
        LatentKeepsScore(Persistent(), MALA(0.1), 5, latent=True),
        "score moves",
    ),
    "score kept by ULA": (KeepsScore(Persistent(), ULA(0.1), 5), "state restored"),
    "log q kept": (KeepsLogQ(), "flow moves"),
    "log q after the flow has changed": (DrawnAhead(), "flow moves"),
    "the first target for ever": (FirstTarget(Persistent(), MALA(0.1), 5), "convergence"),
    "one draw late": (OneDrawLate(Persistent(), MALA(0.1), 5), "state restored"),
    "correction of three coordinates": (
        persistent(ThreeCoordinates(0.1)),
        "invariance, 64 dimensions",
    ),
    "correction of the last row": (persistent(LastAxis(0.3)), "invariance, images"),
    "densities for their logarithms": (persistent(Densities(0.01)), "no underflow"),
    "proposals' densities for their logarithms": (
        persistent(ProposalDensities(0.01)),
        "no underflow",
    ),
    "log-ratio times 1.05": (persistent(FivePercent(0.1)), "invariance, 64 dimensions"),
    "log-ratio times 1.05, small steps": (
        persistent(FivePercent(0.02), 10),
        "invariance, 64 dimensions",
    ),
    "log-ratio times 1.05, HMC": (persistent(FivePercentHMC(0.1, 3)), "invariance, 64 dimensions"),
    "log-ratio times 1.05, random walk": (
        persistent(FivePercentWalk()),
        "invariance, 64 dimensions",
    ),
    "ratio reversed": (persistent(Reversed()), "invariance"),
    "step that depends on the state": (persistent(StepOfTheState()), "invariance"),
    "tries until accepted": (persistent(TriesUntilAccepted(1.0)), "invariance"),
    "better of two proposals": (persistent(BetterOfTwo()), "invariance"),
    "coordinates decide at once": (persistent(CoordinatesAtOnce()), "invariance"),
    "decisions shared by pairs": (persistent(SharedByPairs()), "chains are independent"),
    "decisions shared by all": (persistent(SharedByAll()), "chains are independent"),
    "noise shared by halves": (persistent(SharedByHalves()), "chains are independent"),
    "noise of half the variance": (persistent(QuietNoise(0.1)), "invariance"),
    "leapfrog without its last half step": (persistent(NoLastHalfStep(0.1, 3)), "invariance"),
    "momentum not turned round": (KeepsMomentum(), "invariance"),
    "i-SIR that forgets the state": (FlowUser(Persistent(), ForgetsState(), 5), "invariance"),
    "Jacobian of the wrong sign": (WrongSign(Persistent(), MALA(0.1), 5), "invariance"),
    "density zero handed on": (StaysAtZero(), "zero density left"),
}

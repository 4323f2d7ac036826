"""Samplers with one fault each, as published code has had them, and the check that must see it."""

from __future__ import annotations

import torch
from torch import nn

from lightning_ebm.chain import Chain, choose, with_density, with_score
from lightning_ebm.kernels import HMC, IMH, MALA, ULA, Kernel
from lightning_ebm.kernels.langevin import langevin_log_density, langevin_proposal
from lightning_ebm.kernels.metropolis import metropolis_hastings
from lightning_ebm.sampler import MCMC, Draw, Sampler
from lightning_ebm.starts import FromFlow, Persistent


def persistent(kernel: Kernel, n_steps: int = 5, **options: object) -> MCMC:
    return MCMC(Persistent(), kernel, n_steps, **options)


class SmallMomentum(HMC):
    """Momentum of deviation √.5, kinetic energy of unit mass."""

    def step(self, problem, chain):
        chain = with_score(problem, chain)
        step_size, mass = self.step_size(chain.x), self._mass(chain.x)
        momentum = torch.randn_like(chain.x) * 0.5**0.5
        time = (2 * step_size).sqrt()
        proposed, final = self._leapfrogs(problem, chain, momentum, time, mass)
        kinetic = (momentum.square() - final.square()).sum(1) / 2
        log_ratio = proposed.log_prob - chain.log_prob + kinetic
        return metropolis_hastings(chain, proposed, log_ratio, move="local")


class StaleScore(MALA):
    """The score is not refreshed when a proposal is accepted."""

    def step(self, problem, chain):
        chain = with_score(problem, chain)
        step_size = self.step_size(chain.x)
        proposed = with_score(problem, Chain(langevin_proposal(chain, step_size)))
        log_ratio = (
            proposed.log_prob
            - chain.log_prob
            + langevin_log_density(chain.x, proposed, step_size)
            - langevin_log_density(proposed.x, chain, step_size)
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
        proposed = with_score(problem, Chain(langevin_proposal(chain, self.step_size(chain.x))))
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
}

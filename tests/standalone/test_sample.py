"""`lightning_ebm.sample`: right draws of known targets, and nothing touched that was given.

Where draws are tested, each is the last of a chain of its own, so that they are independent.
"""

from __future__ import annotations

import copy

import pytest
import torch
from scipy.stats import binomtest, gamma, kstest, norm, truncnorm
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    Distribution,
    Gamma,
    HalfNormal,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Uniform,
)

from lightning_ebm import MLP, EBMLightningModule, Energy, RealNVP, SettingError, sample
from lightning_ebm.kernels import MALA
from lightning_ebm.random_state import random_state
from lightning_ebm.registry import find
from lightning_ebm.sampler import MCMC
from lightning_ebm.starts import Persistent

P = 1e-3
"""Below this a Kolmogorov-Smirnov test fails; seeds are fixed."""
SHORT = {"n_chains": 2000, "n_draws": 1, "n_warmup": 30, "seed": 0}


def normal(x: Tensor) -> Tensor:
    """N(1, 2²) in every coordinate, unnormalised."""
    return -((x - 1) / 2).square().flatten(1).sum(1) / 2


def two_modes(x: Tensor) -> Tensor:
    """Unit Gaussians at (5, 5) and (-5, -5), of weight .2 and .8."""
    logs = [
        ((x - m).square().sum(1) / -2) + torch.tensor(w).log() for m, w in ((5, 0.2), (-5, 0.8))
    ]
    return torch.logsumexp(torch.stack(logs), 0)


class Quadratic(Energy):
    """The energy of N(1, 2²)."""

    def __init__(self) -> None:
        super().__init__([2])

    def energy(self, x: Tensor) -> Tensor:
        return -normal(x)


class Column(nn.Module):
    """The same as a bare network, times a sign, in a column."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        self.sign = nn.Parameter(torch.tensor(sign))

    def forward(self, x: Tensor) -> Tensor:
        return self.sign * normal(x)[:, None]


def mixed(components: Distribution) -> MixtureSameFamily:
    """Two components of unequal weights."""
    return MixtureSameFamily(Categorical(torch.tensor([0.3, 0.7])), components)


ONES = torch.ones(2)
APART = Uniform(2 * torch.arange(2.0), 2 * torch.arange(2.0) + 1)
TWO = {"event_shape": (2,)}
SMALL_FLOW = TWO | {"flow": RealNVP([2], n_layers=2, hidden=16)}
ABOVE_ZERO = truncnorm(-0.5, 99, loc=1, scale=2).cdf
WIDE = norm(1, 2).cdf
CUT = truncnorm(-0.5, 1.5, loc=1, scale=2).cdf
TARGETS = {
    "function, mala": (normal, "mala", TWO, WIDE),
    "function, hmc": (normal, "hmc", TWO, WIDE),
    "distribution": (Independent(Normal(ONES, 2.0), 1), "mala", {}, WIDE),
    "float64": (MultivariateNormal(ONES.double(), 4 * torch.eye(2).double()), "hmc", {}, WIDE),
    "number": (Normal(1.0, 2.0), "mala", {}, WIDE),
    "support": (Gamma(2.0, 1.0), "mala", {}, gamma(2).cdf),
    "mixture": (mixed(Independent(Normal(torch.ones(2, 2), 2.0), 1)), "mala", {}, WIDE),
    "mixture on a half line": (mixed(Gamma(2 * ONES, 1.0)), "mala", {}, gamma(2).cdf),
    "half line": (HalfNormal(2.0), "hmc", {}, lambda x: 2 * norm(0, 2).cdf(x) - 1),
    "interval": (Uniform(-ONES[0], 3 * ONES[0]), "mala", {}, lambda x: (x + 1) / 4),
    "energy": (Quadratic(), "mala", {}, WIDE),
    "network of energies": (Column(-1.0), "mala", TWO | {"target_is": "energy"}, WIDE),
    "network of log-densities": (Column(1.0), "mala", TWO | {"target_is": "log_density"}, WIDE),
    "box, mala": (normal, "mala", TWO | {"bounds": (0, 4)}, CUT),
    "box, hmc": (normal, "hmc", TWO | {"bounds": (torch.zeros(2), [4.0, 4.0])}, CUT),
    "box of a number": (Normal(1.0, 2.0), "mala", {"bounds": (0, 4)}, CUT),
    "floor": (normal, "mala", TWO | {"bounds": (0, None)}, ABOVE_ZERO),
    "ceiling": (normal, "hmc", TWO | {"bounds": (None, 4)}, truncnorm(-99, 1.5, 1, 2).cdf),
    "flow": (normal, "flow_mcmc", SMALL_FLOW, WIDE),
    "flow in a box": (normal, "flow_mcmc", SMALL_FLOW | {"bounds": (0, 4)}, CUT),
    "flow on a half line": (normal, "flow_mcmc", SMALL_FLOW | {"bounds": (0, None)}, ABOVE_ZERO),
}  # fmt: skip


@pytest.mark.parametrize("case", TARGETS)
def test_draws_are_of_the_target(case: str) -> None:
    target, sampler, settings, cdf = TARGETS[case]
    result = sample(target, sampler, **SHORT, **settings)
    x = result.x[0].double()
    event = settings.get("event_shape", tuple(getattr(target, "event_shape", ())))
    assert result.x.shape == (1, 2000, *event)
    low, high = settings.get("bounds", (None, None))
    assert low is None or (x >= torch.as_tensor(low)).all()
    assert high is None or (x <= torch.as_tensor(high)).all()
    for coordinate in x.reshape(2000, -1).T:
        p = kstest(coordinate.numpy(), cdf).pvalue
        assert p > P, f"p = {p:.1e}"
    if isinstance(target, Distribution):
        torch.testing.assert_close(result.log_density, target.log_prob(result.x))


@pytest.mark.parametrize("sampler", ["flow_mcmc", "flow_tempering"])
def test_a_flow_that_is_made_crosses_between_modes(sampler: str) -> None:
    """Of 300 chains as many are in the rarer mode as its weight of .2 says, binomial p > 1e-3."""
    result = sample(two_modes, sampler, n_chains=300, n_draws=4, n_warmup=40, seed=1, **TWO)
    rare = int((result.x[-1, :, 0] > 0).sum())
    assert binomtest(rare, 300, 0.2).pvalue > P
    assert "a RealNVP was made" in str(result)


@pytest.mark.parametrize("sampler", ["coopflow", "nt_ebm", "ula"])
def test_every_sampler_runs_and_says_what_it_is(sampler: str) -> None:
    result = sample(normal, sampler, n_chains=8, n_draws=5, n_warmup=8, seed=1, **TWO)
    assert result.x.shape == (5, 8, 2)
    assert ("is not exact" in str(result)) == (sampler != "nt_ebm")
    assert ("begin anew at every draw" in str(result)) == (sampler == "coopflow")


def test_a_model_is_sampled_by_its_energy() -> None:
    model = EBMLightningModule(MLP([2]), find("mala")())
    for target in (model, model.density):
        x = sample(target, "mala", **SHORT).x[0]
        assert kstest(x[:, 0].numpy(), "norm").pvalue > P


def test_a_distribution_is_not_started_at_its_own_samples() -> None:
    """Begun at N(50, 1) the chains would look as if they had mixed."""
    still = MCMC(Persistent(), MALA(1e-12), n_steps=1)
    far = Independent(Normal(torch.full((2,), 50.0), 1.0), 1)
    x = sample(far, still, n_chains=500, n_draws=1, n_warmup=0, seed=0).x[0]
    assert kstest(x[:, 0].numpy(), "norm").pvalue > P
    start = torch.rand(500, 2) + 7
    x = sample(far, still, n_chains=500, n_draws=1, n_warmup=0, start=start).x[0]
    torch.testing.assert_close(x, start, rtol=0, atol=1e-3)
    about = Independent(Normal(torch.full((2,), 9.0), 1.0), 1)
    x = sample(far, still, n_chains=500, n_draws=1, n_warmup=0, start=about, seed=0).x[0]
    assert kstest(x[:, 0].numpy() - 9, "norm").pvalue > P


def test_after_the_warm_up_nothing_adapts() -> None:
    result = sample(normal, "flow_mcmc", n_chains=16, n_draws=10, n_warmup=20, seed=0, **TWO)
    assert len(result.info["step_size"].unique()) == 1
    assert float(result.info["step_size"][0]) != pytest.approx(0.01)
    still = sample(normal, "mala", n_chains=16, n_draws=10, n_warmup=0, seed=0, **TWO)
    assert still.info["step_size"].numpy() == pytest.approx(0.01)
    assert not any(parameter.requires_grad for parameter in result.flow.parameters())


def test_what_was_given_stays_as_it_was() -> None:
    network, flow, sampler = Column(-1.0).train(), RealNVP([2]).train(), find("flow_mcmc")()
    given = copy.deepcopy([part.state_dict() for part in (network, flow)])
    before = random_state()
    kwargs = {"n_chains": 8, "n_draws": 4, "target_is": "energy", "flow": flow, "seed": 3}
    first = sample(network, sampler, **kwargs, **TWO)
    second = sample(network, sampler, **kwargs, **TWO)
    assert torch.equal(first.x, second.x)
    assert torch.equal(random_state()["torch"], before["torch"])
    for part, then in zip((network, flow), given, strict=True):
        torch.testing.assert_close(part.state_dict(), then, rtol=0, atol=0)
        assert part.training
        assert all(p.requires_grad and p.grad is None for p in part.parameters())
    assert sampler.start.bank is None
    assert first.flow is not flow
    moved = zip(first.flow.parameters(), flow.parameters(), strict=True)
    assert any(not torch.equal(mine, theirs) for mine, theirs in moved)
    assert "copy of the flow, and taught by" in first.notes[0]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_whoever_asks_without_gradients_is_answered(mode: type) -> None:
    with mode():
        start, flow = torch.randn(8, 2), RealNVP([2], n_layers=2, hidden=8)
        kwargs = {"n_chains": 8, "n_draws": 2, "n_warmup": 2, "start": start, "flow": flow}
        assert sample(normal, "flow_mcmc", **kwargs).x.shape == (2, 8, 2)


def test_a_bar_is_shown_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for progress in (False, True):
        sample(normal, "mala", n_chains=4, n_draws=3, n_warmup=1, progress=progress, **TWO)
        assert ("mala: 100%" in capsys.readouterr().err) == progress


def refused(sentence: str, **settings: object) -> tuple[str, dict[str, object]]:
    return sentence, {
        "target": normal,
        "event_shape": (2,),
        "n_draws": 4,
        "n_chains": 3,
    } | settings


@pytest.mark.parametrize(
    ("sentence", "settings"),
    [
        refused("target_is='energy' or target_is='log_density'", target=Column(1.0)),
        refused("but Quadratic is an Energy", target=Quadratic(), target_is="log_density"),
        refused("is no bare network", target_is="energy"),
        refused("target is a str", target="normal"),
        refused("give event_shape", event_shape=None),
        refused(r"Independent\(target, 1\)", target=Normal(torch.zeros(3), 1.0), event_shape=None),
        refused("which is discrete", target=torch.distributions.Poisson(2.0), event_shape=None),
        refused("torch has no bijection", target=mixed(APART), event_shape=None),
        refused("points have shape .2., and start .3.", start=torch.zeros(3, 3)),
        refused("one point for each chain", start=torch.zeros(5, 2)),
        refused("not finite: give finite", start=torch.full((3, 2), torch.nan)),
        refused("outside of the target's bounds", start=torch.full((3, 2), 9.0), bounds=(0, 1)),
        refused("low must be below high", bounds=(1, 0)),
        refused("give .low, high.", bounds=(0, [1, 2, 3])),
        refused("a support of its own", target=Gamma(2.0, 1.0), event_shape=None, bounds=(0, 1)),
        refused("the same ends bounded", sampler="flow_mcmc", bounds=(0, [1.0, torch.inf])),
        refused("mala uses none", flow=RealNVP([2])),
        refused("flow.event_shape is .3.", sampler="flow_mcmc", flow=RealNVP([3])),
        refused("give at least 4", sampler="flow_mcmc", n_warmup=2),
        refused("one coordinate is too few", sampler="flow_mcmc", event_shape=(1,)),
        refused("did you mean 'mala'", sampler="malla"),
        refused("n_draws is 0", n_draws=0),
        refused("one log-density for each", target=lambda x: x),
        refused("one log-density for each", target=lambda x: x.sum()),
        refused("does not require grad", target=lambda x: x.detach().sum(1)),
        refused("no finite log-density and score", target=lambda x: x.sum(1) * torch.inf),
        refused("when other points are in its batch", target=lambda x: normal(x - x.mean(0))),
        refused("target is the class Quadratic", target=Quadratic),
        refused("target_is is 'e'", target=Column(1.0), target_is="e"),
        refused("sampler is a int", sampler=3),
        refused("sampler is the class", sampler=find("mala")),
        refused("seed is -1", seed=-1),
        refused("seed is x", seed="x"),
        refused("event_shape is .0.", event_shape=(0,)),
        refused("event_shape is .2.5.", event_shape=(2.5,)),
        refused("event_shape is 2:", event_shape=2),
        refused("start is of torch.complex64", start=torch.zeros(3, 2) * 1j),
        refused("too little to make one of", sampler="flow_mcmc", n_chains=1),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(sentence: str, settings: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=sentence):
        sample(**settings)


def test_a_function_with_gaps_keeps_its_chains_out_of_them() -> None:
    """Kernels reject what is not finite: a half-plane without bounds, KS p > 1e-3."""

    def half(x: Tensor) -> Tensor:
        return torch.where(x[:, 0] > 0, normal(x), -torch.inf)

    x = sample(half, "mala", **SHORT, **TWO).x[0]
    assert kstest(x[:, 0].numpy(), truncnorm(-0.5, 99, 1, 2).cdf).pvalue > P

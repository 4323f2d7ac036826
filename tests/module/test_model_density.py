"""A module is a density: log p, score, energy, samples, completion; looking changes nothing."""

from __future__ import annotations

import copy
import json
import math
import pickle
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scipy.stats import kstest
from torch import Tensor, nn

from lightning_ebm import MLP, EBMLightningModule, RealNVP, SettingError
from lightning_ebm.evaluation.log_z import LogZ
from lightning_ebm.module.normaliser import Normaliser, marked
from lightning_ebm.random_state import random_state
from lightning_ebm.registry import find

MEAN = torch.tensor([0.5, -1.0, 0.2])
COVARIANCE = torch.tensor([[1.0, 0.6, -0.3], [0.6, 0.8, 0.1], [-0.3, 0.1, 0.5]])
TRUTH = torch.distributions.MultivariateNormal(MEAN, COVARIANCE)
TRUSTED = LogZ(1.5, 0.01, 1.4, 1.6, trusted=True, verdict="log Z by flow: trusted")


class Gaussian(nn.Module):
    """E(x) = (x - μ)ᵀ Σ⁻¹ (x - μ)/2, in a column as networks give it."""

    event_shape = (3,)

    def __init__(self) -> None:
        super().__init__()
        self.precision = nn.Parameter(COVARIANCE.inverse())

    def forward(self, x: Tensor) -> Tensor:
        centred = x - MEAN
        return (centred @ self.precision * centred).sum(1, keepdim=True) / 2


def gaussian_module(**settings: object) -> EBMLightningModule:
    """A model that is N(μ, Σ), and has seen no data."""
    sampler = find("mala")(step_size=0.1)
    return EBMLightningModule(Gaussian(), sampler, base="none", n_samples=64, **settings)


def state_of(module: EBMLightningModule) -> list[object]:
    """All that looking must leave: weights, chains, flags, gradients, random numbers."""
    chains = [part.get_extra_state() for part in module.sampler.modules() if hasattr(part, "bank")]
    flags = [part.training for part in module.modules()]
    gradients = [(p.requires_grad, p.grad) for p in module.parameters()]
    weights = {k: copy.deepcopy(v) for k, v in module.state_dict().items()}
    random = random_state()
    return [
        weights,
        chains,
        flags,
        gradients,
        random["torch"],
        random["python"],
        random["numpy"][1:],
    ]


def assert_same(now: object, then: object) -> None:
    """Fail unless two nested states are equal to the bit."""
    torch.testing.assert_close(now, then, rtol=0, atol=0, equal_nan=True)


def test_figures_are_those_of_the_gaussian_that_the_model_is() -> None:
    torch.manual_seed(1)
    module = gaussian_module()
    x = torch.randn(2, 5, 3)
    log_z = module.estimate_log_z(annealing_steps=100, search_steps=30)
    truth = 1.5 * math.log(2 * math.pi) + COVARIANCE.logdet().item() / 2
    assert log_z.lower <= truth <= log_z.upper
    assert abs(log_z.value - truth) < max(4 * log_z.standard_error, 1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for chunk_size in (1, 3, 1024):
            log_prob = module.log_prob(x, chunk_size)
            assert log_prob.shape == (2, 5)
            expected = TRUTH.log_prob(x) + truth - log_z.value
            torch.testing.assert_close(log_prob, expected, rtol=0, atol=1e-4)
    score = -(x - MEAN) @ COVARIANCE.inverse()
    torch.testing.assert_close(module.score(x, 4), score, rtol=1e-4, atol=1e-4)
    energy = ((x - MEAN) @ COVARIANCE.inverse() * (x - MEAN)).sum(-1) / 2
    torch.testing.assert_close(module.energies(x, 4), energy, rtol=1e-4, atol=1e-4)
    assert not module.score(x).requires_grad


def test_coordinates_that_were_not_observed_follow_the_conditional() -> None:
    """KS on the whitened conditional, each p > 1e-3: exact for 2000 independent chains."""
    torch.manual_seed(2)
    module = gaussian_module()
    observed = torch.tensor([False, True, False])
    x = torch.full((2000, 3), torch.nan)
    x[:, 1] = 0.4
    done = module.complete(x, observed, n_steps=200, n_warmup=100, seed=1)
    assert (done[:, 1] == 0.4).all()
    free = [0, 2]
    gain = COVARIANCE[free, 1] / COVARIANCE[1, 1]
    mean = MEAN[free] + gain * (0.4 - MEAN[1])
    covariance = COVARIANCE[free][:, free] - gain[:, None] * COVARIANCE[free, 1]
    root = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(root, (done[:, free] - mean).T, upper=False)
    for direction in ([1.0, 0.0], [0.0, 1.0], [0.6, 0.8]):
        p = kstest((torch.tensor(direction) @ white).numpy(), "norm").pvalue
        assert p > 1e-3, f"along {direction} p = {p:.1e}"
    # Each point has a mask of its own; one wholly observed stays.
    masks = torch.tensor([[True, True, True], [False, False, False], [True, False, True]])
    mixed = module.complete(torch.zeros(3, 3), masks, n_steps=5, n_warmup=0)
    assert_same(mixed[masks], torch.zeros(5))
    assert (mixed[~masks] != 0).all()


@pytest.mark.parametrize(
    ("sampler", "base"),
    [("mala", "gaussian"), ("flow_mcmc", "gaussian"), ("flow_mcmc", "flow"), ("nt_ebm", "none")],
)
def test_looking_before_and_after_fit_leaves_everything(
    sampler: str, base: str, small_module, small_data, small_trainer
) -> None:
    settings = {"n_samples": 8, "search_steps": 0}
    if base == "none":
        settings["energy"] = nn.Sequential(MLP([2], hidden=[4], zero_start=False))
        settings["energy"].event_shape = (2,)
    module = small_module(sampler, base=base, **settings).train()
    x = torch.randn(6, 2)
    for fitted in (False, True):
        if fitted:
            small_trainer().fit(module, datamodule=small_data())
            module.train()
        then = state_of(module)
        assert module.sample((2, 3)).shape == (2, 3, 2)
        assert module.sample().shape == (2,)
        module.estimate_log_z(x)
        module.complete(x, torch.tensor([True, False]), 3, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module.log_prob(x)
        module.score(x)
        module.energies(x)
        assert_same(state_of(module), then)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_whoever_asks_without_gradients_is_answered(mode: type) -> None:
    module = gaussian_module(n_chains=2)
    with mode():
        x = torch.randn(3, 3)
        score = module.score(x)
        assert module.sample(2).shape == (2, 3)
        assert module.complete(x, x > 0, 3, 3).shape == (3, 3)
        # So few steps that no chain can be told to have settled.
        module.estimate_log_z(x, annealing_steps=2, search_steps=2, n_samples=8)
    torch.testing.assert_close(score, -(x - MEAN) @ COVARIANCE.inverse(), rtol=1e-4, atol=1e-4)


def test_samples_before_fit_are_those_of_the_base() -> None:
    """KS against N(0, 1) in each coordinate, each p > 1e-3; chains begin there and stay there."""
    module = EBMLightningModule(
        MLP([2]), find("flow_mcmc")(), flow=RealNVP([2]), flow_pretraining=1, evaluation_draws=2
    )
    x = module.sample(1000, seed=3, chunk_size=300)
    for coordinate in x.T:
        assert kstest(coordinate.numpy(), "norm").pvalue > 1e-3
    assert_same(module.sample(1000, seed=3, chunk_size=300), x)
    assert not torch.equal(module.sample(5), module.sample(5))


def test_an_estimate_is_for_its_own_weights_and_goes_where_they_go(
    small_module, small_data, small_trainer, tmp_path: Path
) -> None:
    x = torch.randn(4, 2)
    module = small_module("mala")
    with pytest.raises(SettingError, match="has not been estimated yet: call estimate_log_z"):
        module.log_prob(x)
    trainer = small_trainer()
    trainer.fit(module, datamodule=small_data())
    module.normalise_by(TRUSTED)
    log_prob = module.log_prob(x)
    torch.testing.assert_close(log_prob, module.unnormalised_log_prob(x) - 1.5)
    trainer.save_checkpoint(tmp_path / "with.ckpt")
    sampler = find("mala")()
    loaded = EBMLightningModule.load_from_checkpoint(
        tmp_path / "with.ckpt", energy=MLP([2], hidden=[16, 16]), sampler=sampler,
        flow=RealNVP([2], n_layers=2, hidden=8),
    )  # fmt: skip
    for other in (loaded, pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert other.log_z == TRUSTED
        assert_same(other.log_prob(x), log_prob)
    small_trainer(max_steps=8).fit(loaded, datamodule=small_data())
    with pytest.raises(SettingError, match=r"changed since its log Z was estimated to be 1\.500"):
        loaded.log_prob(x)
    assert_same(module.log_prob(x), log_prob)


def test_a_test_by_trainer_normalises(small_module, small_data, small_trainer) -> None:
    module, trainer = small_module("flow_mcmc", search_steps=0), small_trainer()
    trainer.fit(module, datamodule=small_data())
    trainer.test(module, datamodule=small_data(), verbose=False)
    assert any(module.log_z.verdict == remark for remark in module.remarks)
    assert not module.log_z.trusted
    with pytest.warns(UserWarning, match="not trusted"):
        module.log_prob(torch.zeros(1, 2))


def test_torch_and_its_users_take_it_for_a_distribution() -> None:
    module = gaussian_module()
    module.normalise_by(TRUSTED)
    density = module.density
    assert isinstance(density, torch.distributions.Distribution)
    assert (density.batch_shape, density.event_shape) == ((), (3,))
    assert (module.batch_shape, module.event_shape) == ((), (3,))
    x = density.sample((2, 4))
    assert x.shape == (2, 4, 3)
    assert_same(density.log_prob(x), module.log_prob(x))
    assert_same(density.score(x), module.score(x))
    assert_same(density.energy(x), module.energies(x))
    assert density.support.check(x).all()


@pytest.mark.parametrize(
    ("look", "sentence"),
    [
        (lambda m: m.score(torch.zeros(4, 2)), r"shape \(4, 2\).*\(3,\).*\(n, 3\)"),
        (lambda m: m.score(torch.zeros(())), r"give shape \(n, 3\)"),
        (lambda m: m.complete(torch.zeros(4, 3), torch.ones(3)), "torch.bool as mask"),
        (lambda m: m.complete(torch.zeros(4, 3), torch.ones(2, dtype=torch.bool)), "mask of the"),
        (lambda m: m.estimate_log_z(annealing_steps=0), "annealing_steps is 0"),
        (lambda m: m.estimate_log_z(search_steps=-1), "search_steps is -1"),
        (lambda m: m.score(torch.zeros(4, 3), chunk_size=0), "chunk_size is 0"),
        (lambda m: m.score(torch.zeros(4, 3).numpy()), "points are of ndarray"),
        (lambda m: m.energies([[0.0] * 3]), "points are of list"),
        (lambda m: m.score(torch.zeros(4, 3) * 1j), "points are of torch.complex64"),
        (lambda m: m.complete(torch.zeros(4, 3), [True] * 3), "observed is of list"),
        (lambda m: m.estimate_log_z(torch.full((2, 3), torch.nan)), "NaN or infinite .* 2 of the"),
        (lambda m: m.sample(-1), "sample_shape is -1"),
        (lambda m: m.sample((2, 1.5)), "sample_shape is 1.5"),
        (lambda m: m.sample("x"), "sample_shape is x"),
        (lambda m: m.sample(10**13), "sample_shape is 10000000000000"),
        (lambda m: m.density.sample((10**6, 10**6)), "sample_shape is 1000000000000"),
        (lambda m: m.fresh_draw(0), "n is 0"),
        (lambda m: m.fresh_draws(-3), "n is -3"),
    ],
)
def test_what_cannot_be_is_said(look, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        look(gaussian_module())


def test_one_point_is_a_batch_without_axes() -> None:
    module, x = gaussian_module(), torch.zeros(2, 3)
    for look in (module.unnormalised_log_prob, module.energies, module.score):
        assert_same(look(x[0]), look(x)[0])


def test_a_shape_that_no_one_knows_is_asked_for() -> None:
    module = EBMLightningModule(nn.Sequential(nn.Linear(2, 1)), find("mala")())
    with pytest.raises(SettingError, match="call fit, or give the energy"):
        module.sample(3)


def test_an_estimate_without_ends_is_written_and_read(tmp_path: Path) -> None:
    """JSON has no infinite numbers."""
    weights = {"a": torch.ones(2)}
    open_ended = replace(TRUSTED, upper=math.inf, lower=-math.inf, standard_error=math.inf)
    one, other = Normaliser(), Normaliser()
    one.take(open_ended, weights)
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"run": {"log_z": one.written()}}, allow_nan=False))
    other.take_written(path, weights)
    assert other.of(weights) == open_ended
    for text in ("", "[]", "{}", '{"run": {"log_z": null}}'):
        path.write_text(text)
        fresh = Normaliser()
        fresh.take_written(path, weights)
        assert fresh.latest is None


def test_a_mark_is_of_the_bits_and_not_of_the_type() -> None:
    weights = {"a": torch.randn(3, 4), "b": torch.tensor(2.0)}
    assert marked(weights) == marked({name: value.double() for name, value in weights.items()})
    moved = weights | {"b": torch.nextafter(weights["b"], torch.tensor(3.0))}
    assert marked(weights) != marked(moved)

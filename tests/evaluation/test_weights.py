"""Weights of groups: their errors know of chains, and processes add up."""

import pytest
import torch
from torch import multiprocessing

from lightning_ebm.data import TwoModes
from lightning_ebm.evaluation.mode_weights import weighted_mode_weights
from lightning_ebm.metrics import ClassWeights, MembershipWeights, ModeWeights


def test_weights_of_modes_of_a_known_mixture():
    torch.manual_seed(0)
    metric = ModeWeights(TwoModes())
    metric.update(TwoModes().sample(20_000).view(1, 20_000, 2))
    value, error, effective = metric.compute()
    assert value[0] == pytest.approx(0.2, abs=4 * error[0].item())
    assert error[0] == pytest.approx((0.16 / 20_000) ** 0.5, rel=0.02)
    assert effective[0] == pytest.approx(20_000, rel=0.02)


def test_a_chain_that_stays_counts_once():
    torch.manual_seed(0)
    stays = TwoModes().sample(500).expand(10, 500, 2)
    moves = TwoModes().sample(5000).view(10, 500, 2)
    effective = {}
    for name, draws in (("stays", stays), ("moves", moves)):
        metric = ModeWeights(TwoModes())
        metric.update(draws)
        effective[name] = metric.compute().effective_draws[0]
    assert effective["stays"] == pytest.approx(500, rel=0.01)
    assert effective["moves"] == pytest.approx(5000, rel=0.25)


def test_errors_are_those_of_repetitions():
    torch.manual_seed(0)
    values, errors = [], []
    for _ in range(200):
        metric = ModeWeights(TwoModes())
        for _ in range(2):
            metric.update(TwoModes().sample(100).expand(5, 100, 2))
        value, error, _ = metric.compute()
        values.append(value[0])
        errors.append(error[0])
    assert torch.stack(values).std() == pytest.approx(torch.stack(errors).mean().item(), rel=0.15)


def test_weighted_draws_know_the_weights_and_their_errors():
    # Draws from N(0, 1) for the target N(1, 1), whose share above 0 is Φ(1).
    torch.manual_seed(0)
    values, errors = [], []
    for _ in range(300):
        x = torch.randn(400, dtype=torch.float64)
        members = torch.stack([x > 0, x <= 0], 1)
        value, error = weighted_mode_weights(x, members)
        assert value.sum() == pytest.approx(1)
        values.append(value[0])
        errors.append(error[0])
    values, errors = torch.stack(values), torch.stack(errors)
    # Few of these small samples of lognormal weights look as if they had no variance.
    assert errors.isfinite().double().mean() > 0.6
    errors = errors[errors.isfinite()]
    assert values.mean().item() == pytest.approx(0.8413, abs=0.006)
    assert values.std().item() == pytest.approx(errors.mean().item(), rel=0.15)


def test_classes_are_those_the_classifier_says():
    metric = ClassWeights(lambda x: torch.stack([-x[:, 0], x[:, 0]], 1), 2)
    metric.update(torch.tensor([[-1.0, 2.0, 3.0, 4.0]]).view(1, 4, 1))
    assert metric.compute().value.tolist() == [0.25, 0.75]


def one_process(rank, path, results):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{path}", rank=rank, world_size=2
    )
    metric = MembershipWeights(membership, 2)
    metric.update(points()[:, rank * 30 : 30 + rank * 70])
    results[rank] = [part.tolist() for part in metric.compute()]
    torch.distributed.destroy_process_group()


def membership(x):
    return torch.stack([1 - x, x], 1)


def points():
    return torch.rand(4, 100, generator=torch.Generator().manual_seed(0))


def test_two_processes_know_what_one_would(tmp_path):
    alone = MembershipWeights(membership, 2)
    alone.update(points())
    with multiprocessing.get_context("spawn").Manager() as manager:
        results = manager.dict()
        multiprocessing.spawn(one_process, (str(tmp_path / "store"), results), nprocs=2)
        both = [results[0], results[1]]
    for found in both:
        for part, expected in zip(found, alone.compute(), strict=True):
            assert part == pytest.approx(expected.tolist())

"""Weights of groups: their errors know of chains, and processes add up."""

import pytest
import torch
from scipy.stats import binomtest
from torch import multiprocessing

from lightning_ebm.data import TwoModes
from lightning_ebm.evaluation.mode_weights import weighted_mode_weights
from lightning_ebm.metrics import ClassWeights, MembershipWeights, ModeWeights


def test_weights_of_modes_of_a_known_mixture():
    torch.manual_seed(0)
    metric = ModeWeights(TwoModes())
    metric.update(TwoModes().sample(20_000).view(1, 20_000, 2))
    value, error, effective, *_ = metric.compute()
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
        effective[name] = metric.compute().ess[0]
    assert effective["stays"] == pytest.approx(500, rel=0.01)
    assert effective["moves"] == pytest.approx(5000, rel=0.25)


def test_errors_are_those_of_repetitions():
    torch.manual_seed(0)
    values, errors = [], []
    for _ in range(200):
        metric = ModeWeights(TwoModes())
        for _ in range(2):
            metric.update(TwoModes().sample(100).expand(5, 100, 2))
        value, error, *_ = metric.compute()
        values.append(value[0])
        errors.append(error[0])
    assert torch.stack(values).std() == pytest.approx(torch.stack(errors).mean().item(), rel=0.15)


def all_right(n_draws, n_chains):
    return torch.tensor([4.0, 0.0]) + 0.5 * torch.randn(n_draws, n_chains, 2)


@pytest.mark.parametrize("n_chains", [1, 7, 64])
def test_a_mode_that_no_chain_met_has_an_interval_and_no_error(n_chains):
    torch.manual_seed(0)
    metric = ModeWeights(TwoModes())
    for part in all_right(10, n_chains).split(1, dim=1):
        metric.update(part)
    found = metric.compute()
    beyond = 0.05 ** (1 / n_chains)
    # Responsibilities are soft: about 1e-13, which is no meeting.
    assert found.value[0] < 1e-9
    assert found.unmet.tolist() == [True, False]
    assert found.standard_error.isnan().all()
    assert found.ess.isnan().all()
    assert found.lower.tolist() == pytest.approx([0, beyond], abs=1e-12)
    assert found.upper.tolist() == pytest.approx([1 - beyond, 1], abs=1e-12)


def test_one_chain_of_many_that_stays_elsewhere_is_worth_one_draw_each():
    torch.manual_seed(0)
    x = all_right(10, 64)
    x[:, 0, 0] -= 8
    metric = ModeWeights(TwoModes())
    metric.update(x)
    found = metric.compute()
    assert found.value[0] == pytest.approx(1 / 64)
    assert found.ess[0] == pytest.approx(63)
    # Clopper and Pearson for 1 of 64.
    expected = binomtest(1, 64).proportion_ci()
    assert found.lower[0] == pytest.approx(expected.low)
    assert found.upper[0] == pytest.approx(expected.high)


def test_nothing_is_worth_more_draws_than_were_made():
    # Every chain has one draw of two in the group: no spread between chains at all.
    metric = MembershipWeights(membership, 2)
    metric.update(torch.tensor([[0.0], [1.0]]).expand(2, 50).contiguous())
    found = metric.compute()
    assert found.ess.tolist() == [100, 100]
    expected = binomtest(50, 100).proportion_ci()
    assert found.lower[0] == pytest.approx(expected.low, abs=2e-3)


def test_frozen_chains_are_worth_one_draw_each_however_soft_their_groups():
    # Between the groups memberships vary less than those of draws that are in one or the other.
    metric = MembershipWeights(membership, 2)
    x = 0.4 + 0.2 * torch.rand(1, 50, generator=torch.Generator().manual_seed(0))
    metric.update(x.expand(10, 50))
    assert metric.compute().ess.tolist() == [50, 50]


def test_a_group_that_shares_all_draws_is_met_though_none_is_assigned_to_it():
    metric = MembershipWeights(membership, 2)
    metric.update(0.3 + 0.01 * torch.rand(10, 40, generator=torch.Generator().manual_seed(0)))
    found = metric.compute()
    assert found.value[1] == pytest.approx(0.305, abs=1e-3)
    assert found.lower[1] < 0.305 < found.upper[1]
    assert not found.unmet.any()
    assert found.standard_error.isfinite().all()


@pytest.mark.parametrize(("weight", "stays"), [(0.3, 0.0), (0.3, 0.8), (0.03, 0.8), (0.03, 1.0)])
@pytest.mark.parametrize("n_chains", [4, 40])
def test_intervals_hold_the_weight_in_95_of_100_runs(weight, stays, n_chains):
    """Chains that go on where they were with chance `stays`, else draw their group anew."""
    runs, covered = 200, 0
    for chains in two_groups(weight, stays, n_chains, runs):
        metric = MembershipWeights(lambda x: membership((x > 0.5).double()), 2)
        metric.update(chains)
        found = metric.compute()
        covered += int(found.lower[1] <= weight <= found.upper[1])
    # 95 % less 3 binomial standard errors.
    assert covered / runs > 0.95 - 3 * (0.05 * 0.95 / runs) ** 0.5


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


@pytest.mark.slow
@pytest.mark.parametrize(("weight", "stays"), [(0.1, 0.5), (0.5, 0.5), (0.03, 0.8), (0.01, 1.0)])
def test_intervals_of_all_groups_miss_in_less_than_one_run_of_2000(weight, stays):
    runs, missed = 4000, 0
    for chains in two_groups(weight, stays, 256, runs):
        metric = MembershipWeights(lambda x: membership((x > 0.5).double()), 2)
        metric.update(chains)
        found = metric.compute()
        missed += int(not found.lowest[1] <= weight <= found.highest[1])
    # 2 are allowed; 9 or more of a mean of 2 have p = 2e-4.
    assert missed < 9


def two_groups(weight, stays, n_chains, runs, draws=10):
    """Runs of chains that stay in their group, above 1/2 or not, with chance `stays`."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(runs):
        fresh = (torch.rand(draws, n_chains, generator=generator) < weight).double()
        path = [fresh[0]]
        for new in fresh[1:]:
            go_on = torch.rand(n_chains, generator=generator) < stays
            path.append(torch.where(go_on, path[-1], new))
        path = torch.stack(path)
        yield path + 0.1 * torch.rand(path.shape, generator=generator)


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
            assert part == pytest.approx(expected.tolist(), nan_ok=True)

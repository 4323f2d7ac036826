"""Chains that look around: exact over the half that is looked at, at any scale; settled or not."""

import pytest
import torch
from targets import GaussianMixture, check_draws, two_directions

from lightning_ebm import Problem
from lightning_ebm.evaluation.search import Trails, look_around, widened_noise


def isotropic(mean, deviation):
    root = (deviation * torch.eye(2, dtype=torch.float64)).tolist()
    return GaussianMixture([1.0], [[mean, 0.0]], [root])


def test_chains_keep_the_model_and_reach_it_from_elsewhere():
    torch.manual_seed(0)
    target = two_directions()
    starts = {"model": target.sample(2000)[0], "noise": target.problem().reference.sample(2000)[0]}
    trails = look_around(target.problem(), starts, 200)
    assert trails.origins == ("model",) * 2000 + ("noise",) * 2000
    for part in trails.points[-1].split(2000):
        check_draws(part, target)
    assert trails.settled.double().mean() > 0.9


@pytest.mark.parametrize("deviation", [0.003, 300.0])
def test_step_sizes_find_the_scale_of_each_chain(deviation):
    """The reference says nothing of it: step sizes begin ten thousand times too large or small."""
    torch.manual_seed(0)
    target = isotropic(0.0, deviation)
    problem = Problem(target.log_prob, (2,), reference=isotropic(0.0, 1.0))
    trails = look_around(problem, {"model": target.sample(500)[0]}, 400)
    moved = (trails.points[1:] != trails.points[:-1]).any(2).double().mean()
    assert moved > 0.9
    spread = trails.points[-1].std(0) / deviation
    assert (spread - 1).abs().max() < 0.15


def test_chains_that_climb_or_stand_still_are_not_settled():
    steps = torch.arange(20.0)[:, None]
    noise = torch.randn(20, 500, generator=torch.Generator().manual_seed(0))
    still = torch.zeros(20, 1)

    def settled(log_prob):
        points = torch.zeros(*log_prob.shape, 2)
        return Trails(points, log_prob, ("x",) * log_prob.shape[1], 100).settled.double().mean()

    assert settled(noise) > 0.99
    assert settled(noise + 2 * steps) == 0
    assert settled(10 * steps + still) == 0
    assert settled(still) == 0
    assert settled(noise - 2 * steps) == 1


def test_noise_is_as_wide_as_the_reference_and_wider():
    torch.manual_seed(0)
    x = widened_noise(isotropic(5.0, 2.0), 3000) - torch.tensor([5.0, 0.0])
    for k, scale in enumerate((1, 3, 10)):
        assert x[k::3].std().item() == pytest.approx(2.0 * scale, rel=0.1)


def test_what_was_looked_at_is_evenly_spaced_over_the_second_half():
    target = isotropic(0.0, 1.0)
    problem = Problem(target.log_prob, (2,), reference=target)
    for n_steps, snapshots, expected in ((100, 20, 25), (10, 20, 5), (400, 4, 4)):
        trails = look_around(problem, {"x": target.sample(3)[0]}, n_steps, snapshots)
        assert len(trails.points) == len(trails.log_prob) == expected

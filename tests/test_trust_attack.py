"""The trust attack: its densities are what they say, its counts count, and nothing fools us."""

import json
import math
from dataclasses import replace

import pytest
import torch
from scipy.stats import chisquare

from benchmarks.trust_attack.__main__ import attack, main
from benchmarks.trust_attack.case import IN_REACH, OUT_OF_REACH
from benchmarks.trust_attack.compositions import Mixture, Moved, Sheared
from benchmarks.trust_attack.densities import (
    Funnel,
    GeneralisedNormal,
    Normal,
    ProductOfMixtures,
    Ring,
    StudentT,
)
from benchmarks.trust_attack.families import ATTACK, FAMILIES, RIGHT
from benchmarks.trust_attack.report import count, failures, of_aim, table
from benchmarks.trust_attack.trial import Outcome

MATRIX = torch.tensor([[0.8, 0.3], [-0.4, 0.5]])
SHIFT = torch.tensor([0.3, -0.7])
SHAPES = {
    "normal": Normal(2),
    "student t": StudentT(2, 1.5),
    "laplace": GeneralisedNormal(2, 1.0),
    "box": GeneralisedNormal(2, 8.0),
    "ring": Ring(2, 0.2),
    "funnel": Funnel(2, 1.5),
    "product": ProductOfMixtures(
        torch.tensor([0.2, 0.7]), torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.4])
    ),
    "moved": Moved(StudentT(2, 4.0), MATRIX, SHIFT),
    "sheared": Sheared(Moved(Normal(2), MATRIX, SHIFT), 0.5, 1.2),
    "mixture": Mixture(
        torch.tensor([2.0, 0.0, 1.0]),
        [Ring(2, 0.3), Normal(2), Moved(Normal(2), 0.4 * MATRIX, SHIFT)],
    ),
}
OUTCOME = Outcome("tilts", 0, 2, 100, 3, True, 1.0, 1.1, 0.9, 1.2, "trusted", 0.1)
FALSE = replace(OUTCOME, low=1.03)
WITHHELD = replace(OUTCOME, trusted=False)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_integrates_to_one_and_is_what_its_draws_follow(name):
    """Quadrature on a grid of asinh x; draws in 16 cells of the plane by chi square, p > 1e-4."""
    torch.manual_seed(0)
    shape = SHAPES[name]
    # Cells of the grid end at -1, 0 and 1, where those that draws are counted in do.
    width = math.asinh(1) / 60
    u = (torch.arange(-800, 800, dtype=torch.float64) + 0.5) * width
    x = u.sinh()
    points = torch.cartesian_prod(x, x).float()
    area = torch.cartesian_prod(u.cosh(), u.cosh()).prod(1) * width**2
    mass = shape.log_prob(points).double().exp() * area
    assert mass.sum() == pytest.approx(1, abs=3e-3)
    expected = torch.zeros(16, dtype=torch.float64).index_add(0, _cell(points), mass)
    counts = _cell(shape.draw(20_000)).bincount(minlength=16)
    kept = expected > 1e-4
    shares = expected[kept] / expected[kept].sum()
    p = chisquare(counts[kept].numpy(), (shares * counts[kept].sum()).numpy()).pvalue
    assert p > 1e-4, f"counts {counts.tolist()}, expected {(20_000 * expected).tolist()}"


def _cell(x):
    return torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0])) @ torch.tensor([4, 1])


@pytest.mark.parametrize("name", FAMILIES)
def test_log_z_of_a_case_is_right(name):
    """Importance sampling from the mixture of all its densities, each with draws of its own.

    Weights of that proposal are bounded, so that the mean of each density's weight is 1 within
    4.5 standard errors (two-sided p = 7e-6), unless a density and its draws differ.
    """
    case = FAMILIES[name].case(0, seed=7)
    model = case.problem().log_density
    densities = [case.parts.model, case.parts.data, case.reference]
    densities += [case.parts.flow] if case.parts.flow is not None else []
    pairs = [density.sample(5000) for density in densities]
    x = torch.cat([points for points, _ in pairs])
    columns = torch.stack([density.log_prob(x).double() for density in densities], 1)
    proposal = columns.logsumexp(1) - math.log(len(densities))
    for k, (points, log_prob) in enumerate(pairs):
        assert torch.allclose(log_prob, densities[k].log_prob(points))
    weights = torch.cat([columns, (model(x).double() - case.log_z)[:, None]], 1)
    values = (weights - proposal[:, None]).exp()
    errors = values.std(0) / math.sqrt(len(x))
    assert ((values.mean(0) - 1).abs() < 4.5 * errors + 1e-4).all(), values.mean(0)


@pytest.mark.parametrize("name", ["lost_in_data", "spurious", "beyond_reach"])
def test_a_hidden_mode_is_seen_by_whom_it_should(name):
    case = FAMILIES[name].case(1, seed=7)
    hidden = case.parts.hidden
    there = int(hidden(case.held_out).sum())
    assert there == case.held_out_there
    noise = float(hidden(case.reference.sample(20_000)[0]).float().mean())
    if name == "lost_in_data":
        assert there > 0
    elif name == "spurious":
        assert there == 0
        assert noise > IN_REACH / 2
    else:
        assert there == 0
        assert noise < 2 * OUT_OF_REACH
    # It has weight in the model and next to none in the flow.
    assert hidden(case.parts.model.draw(2000)).float().mean() > 0.03
    assert hidden(case.parts.flow.draw(2000)).float().mean() < 0.01


def test_a_case_is_the_same_whenever_it_is_asked_for():
    one, same, other = (FAMILIES["ridges"].case(index, seed=7) for index in (3, 3, 4))
    assert one.log_z == same.log_z
    assert torch.equal(one.held_out, same.held_out)
    assert one.log_z != other.log_z


def test_sizes_and_dimensions_are_spread():
    cases = [FAMILIES[name].case(index, seed=7) for name in ("tilts", "close") for index in (0, 5)]
    assert len({len(case.held_out) for case in cases}) == 4
    assert all(100 <= len(case.held_out) <= 10_000 for case in cases)
    assert sum(f.size for f in FAMILIES.values() if f.aim == ATTACK) == 300
    assert sum(f.size for f in FAMILIES.values() if f.aim == RIGHT) == 100


def test_counts_and_sentences():
    outcomes = [OUTCOME, FALSE, WITHHELD, replace(FALSE, low=1.01)]
    assert count(outcomes) == {
        "cases": 4,
        "false trust": 1,
        "right trust": 2,
        "withheld, right": 1,
        "withheld, wrong": 0,
    }
    assert "| tilts | 4 | 1 | 2 | 1 | 0 |" in table(outcomes)
    right = replace(WITHHELD, family="close", sentence="not trusted: too far")
    assert "False trust: 1" in failures([*outcomes, right])
    assert "100 held-out, 3 of them where the flow is not, off by +0.100: not trusted" in failures(
        [right]
    )


def test_the_command_judges_and_writes(tmp_path, capsys):
    path = tmp_path / "attack.json"
    main(["--family", "close", "--cases", "1", "--seed", "7", "--json", str(path)])
    assert "| close | 1 | 0 | 1 | 0 | 0 |" in capsys.readouterr().out
    record = json.loads(path.read_text())
    assert record["seed"] == 7
    (outcome,) = record["outcomes"]
    assert outcome["low"] <= outcome["log_z"] <= outcome["high"]
    assert f"log Z is {outcome['log_z']:.3f}" in outcome["sentence"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_false_trust_and_trust_where_it_is_deserved():
    outcomes = list(attack(seed=11))
    attacked, right = of_aim(outcomes, ATTACK), of_aim(outcomes, RIGHT)
    assert count(attacked + right)["false trust"] == 0, failures(outcomes)
    assert count(right)["right trust"] >= 95, failures(outcomes)

"""What is said of draws: ArviZ's words and ArviZ's figures, and what they do not tell."""

from __future__ import annotations

import math
import sys

import arviz_stats
import pytest
import torch
from torch.distributions import Independent, Normal

from lightning_ebm import SampleResult, SettingError, sample
from tests.standalone.test_sample import TWO, two_modes


def drawn(x: torch.Tensor) -> SampleResult:
    return SampleResult(
        x, x.flatten(2).sum(2), {"acceptance_local": torch.ones(len(x))}, "mala", True, True, 7
    )


def test_the_summary_is_that_of_arviz() -> None:
    result = sample(
        Independent(Normal(torch.zeros(2, 3), 1.0), 2), "mala", n_chains=4, n_draws=50, seed=0
    )
    tree = result.to_datatree()
    assert tree["posterior"]["x"].dims == ("chain", "draw", "x_dim_0", "x_dim_1")
    assert tree["sample_stats"]["lp"].shape == (4, 50)
    assert tree["sample_stats"]["acceptance_rate"].dims == ("draw",)
    assert tree.attrs["sampler"] == "mala"
    theirs = arviz_stats.summary(tree, round_to="none")
    rows = {row.name: row for row in result.summary.rows}
    assert set(rows) == {*theirs.index, "lp"}
    for name, row in theirs.iterrows():
        # Releases of arviz-stats divide the sum of 200 squares by 200, or by 199.
        for word, rel in (("mean", 1e-3), ("sd", 3e-3), ("r_hat", 1e-3)):
            assert getattr(rows[name], word) == pytest.approx(row[word], rel=rel, abs=1e-6)
        assert (
            row["ess_bulk"] == pytest.approx(rows[name].ess_bulk, rel=1e-3)
            or row["ess_bulk"] > 200
        )
    tail = arviz_stats.ess(tree, method="tail", prob=(0.05, 0.95))["x"]
    for k, value in enumerate(tail.values.flatten()):
        assert result.summary.rows[k].ess_tail == pytest.approx(min(value, 200), rel=1e-3)


def test_chains_that_do_not_cross_do_not_agree() -> None:
    result = sample(two_modes, "mala", n_chains=16, n_draws=40, n_warmup=40, seed=0, **TWO)
    assert result.summary.r_hat > 1.1
    assert "chains do not agree (r_hat up to" in str(result)
    for word in ("r_hat", "ess_bulk", "ess_tail", "acceptance_rate"):
        assert word in str(result)


def test_few_draws_are_called_few_and_enough_enough() -> None:
    torch.manual_seed(0)
    assert "whether chains agree is not sure" in str(drawn(torch.randn(50, 4, 1)))
    assert "chains agree\n" in f"{drawn(torch.randn(500, 4, 1))}\n"


def test_points_of_many_coordinates_show_the_worst() -> None:
    torch.manual_seed(0)
    x = torch.randn(20, 4, 1, 8, 8)
    x[:, 0, 0, 3, 5] += 9
    shown = str(drawn(x).summary)
    assert "x[0, 3, 5]" in shown
    assert "(the 10 of 65 of largest r_hat)" in shown


def test_draws_too_few_to_split_are_refused_and_those_that_stand_are_unknown() -> None:
    with pytest.raises(SettingError, match="n_draws is 3: a summary needs 4"):
        _ = drawn(torch.randn(3, 4, 1)).summary
    assert math.isnan(drawn(torch.zeros(8, 4, 1)).summary.r_hat)
    assert "chains do not agree" in str(drawn(torch.zeros(8, 4, 1)))


def test_a_missing_arviz_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arviz_base", None)
    with pytest.raises(SettingError, match=r"pip install 'lightning-ebm\[arviz\]'"):
        drawn(torch.randn(4, 2, 1)).to_datatree()

"""Killed at any instant, a run goes on to the end it would have had; the long form is slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kills import attack, table


@pytest.mark.parametrize(
    ("kills", "samplers", "processes"),
    [
        (4, ["mala"], [1]),
        pytest.param(200, ["mala", "flow_mcmc", "coopflow"], [1, 2], marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(20_000)
def test_a_killed_run_ends_as_one_that_was_not(kills, samplers, processes, tmp_path):
    folders = [tmp_path]
    if len(processes) > 1:
        folders.append(Path("/dev/shm") / tmp_path.name)
    results = attack(kills, samplers, folders, processes, epochs=5, seed=0)
    print(table(results))
    assert len(results) == kills
    assert [k for k in results if not k.equal or k.unloadable or k.leftovers] == []

"""Figures that are unknown or infinite: null in `metrics.json`, and put into words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

RUN = Path("lightning_logs/version_0")
SMALL = [
    "--config=two_modes.yaml",
    "--model.sampler=mala",
    "--trainer.max_steps=3",
    "--trainer.accelerator=cpu",
    "--data.train_size=1024",
    "--model.flow_pretraining=0",
    "--model.n_samples=64",
    "--model.evaluation_draws=8",
    "--model.annealing_steps=1",
    "--model.ladder_rounds=8",
    "--pictures.every_n_steps=1000",
]


def strictly(path):
    def refuse(constant):
        raise ValueError(f"not JSON: {constant}")

    return json.loads(path.read_text(), parse_constant=refuse)


@pytest.fixture
def fitted(inside, tmp_path):
    inside("fit", *SMALL, "--data.density.weight=0.0001")
    return tmp_path / RUN


def test_a_mode_that_no_chain_met_is_put_into_words(fitted, inside):
    printed = inside("test", f"--ckpt_path={fitted}/checkpoints/last.ckpt")
    metrics = strictly(fitted / "metrics.json")
    sentence = "no chain met mode 0: its weight lies between 0 and 0.046, its error and effective"
    assert sentence in printed
    assert any(remark.startswith(sentence) for remark in metrics["run"]["remarks"])
    assert metrics["samples/mode_weight_standard_error_0"] is None
    assert metrics["samples/mode_weight_ess"] is None
    assert metrics["diagnostics/modes_r_hat"] is None
    assert metrics["samples/mode_weight_upper_0"] == pytest.approx(0.0457, abs=1e-4)


def test_frozen_chains_are_infinite_in_words_and_null_in_the_file(fitted, inside):
    printed = inside(
        "test",
        f"--ckpt_path={fitted}/checkpoints/last.ckpt",
        "--model.sampler.init_args.step_size=1000000",
        "--model.sampler.init_args.target_acceptance=null",
        "--model.energy_clip=.inf",
    )
    metrics = strictly(fitted / "metrics.json")
    assert "chains do not agree on energy: R-hat is infinite, they never moved" in printed
    assert metrics["diagnostics/energy_r_hat"] is None
    assert metrics["sampler/unmoved"] == metrics["diagnostics/unmoved_share"] == 1
    assert not re.search(r"(?<![.\d])\d{20}", printed + (fitted / "metrics.json").read_text())
    assert all(metrics["run"]["units"].values())

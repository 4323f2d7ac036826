"""The sweep of Weights & Biases in the documentation: its commands, composed as its agent does."""

from __future__ import annotations

import csv
from pathlib import Path

import yaml
from page import SHORT_FIT, blocks

PAGE = Path(__file__).parents[2] / "docs" / "sweeps.md"
SMALL = ("--data.train_size=64", "--data.test_size=64", "--data.batch_size=32")


def command(sweep):
    """The words of one run; of each parameter the first of its values."""
    settings = {
        key: choice["values"][0] if "values" in choice else choice["min"]
        for key, choice in sweep["parameters"].items()
    }
    macros = {
        "${env}": ["/usr/bin/env"],
        "${program}": [sweep["program"]],
        "${args}": [f"--{key}={value}" for key, value in settings.items()],
    }
    return [word for part in sweep["command"] for word in macros.get(part, [part])]


def test_a_run_of_the_sweep_logs_at_its_end_what_is_minimised(inside, tmp_path):
    (text,) = (block.text for block in blocks(PAGE.read_text()) if block.language == "yaml")
    sweep = yaml.safe_load(text)
    env, program, *args = command(sweep)
    assert (env, program) == ("/usr/bin/env", "lightning")
    args[args.index("--trainer.logger=WandbLogger")] = "--trainer.logger=CSVLogger"
    logged = ["--trainer.logger.init_args.save_dir=.", "--trainer.log_every_n_steps=1"]
    inside(*args, *logged, *SHORT_FIT, *SMALL, "--trainer.val_check_interval=2")
    rows = list(csv.DictReader(next(tmp_path.rglob("metrics.csv")).open()))
    measured = [row for row in rows if row[sweep["metric"]["name"]]]
    assert [row["step"] for row in measured] == ["1", "3"]
    settings = yaml.safe_load(next(tmp_path.rglob("config.yaml")).read_text())
    assert settings["model"]["energy_optimizer"]["init_args"]["lr"] == 0.0003
    assert settings["model"]["sampler"]["init_args"]["n_local"] == 1

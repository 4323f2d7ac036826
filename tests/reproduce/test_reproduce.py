"""`lightning reproduce`: runs once, resumes, writes what it says, and counts what diverged."""

import csv
import json
import math
import subprocess
import sys

import pytest
import yaml
from matplotlib.figure import Figure

from lightning_ebm.cli import main
from lightning_ebm.reproduce.experiment import Experiment, Outcome, carry_out
from lightning_ebm.reproduce.experiments import EXPERIMENTS
from lightning_ebm.reproduce.run import Run, complete
from lightning_ebm.reproduce.settings import DENSITY_COLUMNS, known_run

SMALL = {
    "model.flow_pretraining": 2,
    "model.ladder_rounds": 8,
    "model.n_samples": 8,
    "model.evaluation_draws": 2,
    "model.log_z_draws": 100,
    "model.annealing_steps": 2,
    "data.train_size": 64,
    "data.test_size": 64,
    "data.batch_size": 32,
    "model.energy.init_args.hidden": [8],
}


def small_run(sampler, seed, **settings):
    labels = {"sampler": sampler, "seed": seed}
    return known_run(
        f"{sampler}/seed_{seed}",
        "TwoModes",
        sampler,
        seed,
        n_steps=2,
        labels=labels,
        settings=SMALL | settings,
    )


class Small(Experiment):
    claim = "Two steps are few."
    columns = DENSITY_COLUMNS
    groups = ("sampler",)

    def runs(self, n_seeds, *, quick):
        diverging = {"model.energy_optimizer.init_args.lr": 1e30}
        good = [small_run("flow_mcmc", seed) for seed in range(n_seeds)]
        return [*good, small_run("ula", 0, **diverging)]

    def draw(self, outcomes, root):
        return Figure()


def test_an_experiment_writes_its_tables_and_goes_on_where_it_was(tmp_path, capsys):
    root = tmp_path / "small"
    written = carry_out(Small(), root, n_seeds=2, n_workers=1, command=main, quick=False)
    assert [path.name for path in written] == [
        "figure.png",
        "summary.csv",
        "results.csv",
        "runs.yaml",
    ]
    rows = list(csv.DictReader((root / "results.csv").open()))
    assert [row["diverged"] for row in rows] == ["False", "False", "True"]
    summary = list(csv.DictReader((root / "summary.csv").open()))
    assert [(row["sampler"], row["runs"], row["diverged"]) for row in summary] == [
        ("flow_mcmc", "2", "0"),
        ("ula", "1", "1"),
    ]
    assert "±" in summary[0]["KL"]
    assert summary[1]["KL"] == ""
    assert summary[0]["KL"] in capsys.readouterr().out
    runs = yaml.safe_load((root / "runs.yaml").read_text())
    assert runs[1]["settings"]["data.seed"] == 1
    assert "diverged" in (root / "ula/seed_0/diverged.txt").read_text()

    checkpoint = root / "flow_mcmc/seed_0/checkpoints/last.ckpt"
    made = checkpoint.stat().st_mtime_ns
    (root / "flow_mcmc/seed_1/metrics.json").unlink()
    carry_out(Small(), root, n_seeds=2, n_workers=1, command=main, quick=False)
    assert list(csv.DictReader((root / "results.csv").open())) == rows
    assert checkpoint.stat().st_mtime_ns == made


def test_metrics_of_a_run_are_numbers_and_the_file_says_how_they_came_about(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    contents = {"model/kl": 0.5, "diagnostics/energy_r_hat": None, "run": {"seed": 3}}
    (folder / "metrics.json").write_text(json.dumps(contents))
    expected = {"model/kl": 0.5, "diagnostics/energy_r_hat": math.nan}
    found = complete(Run("run", "two_modes.yaml"), tmp_path, main)
    assert found == pytest.approx(expected, nan_ok=True)


PARENT = """
import multiprocessing, sys, time
from lightning_ebm.reproduce.run import begin_worker

def work():
    begin_worker()
    print("begun", flush=True)
    time.sleep(100)

if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=work)
    worker.start()
    worker.join()
"""


def test_a_worker_ends_when_the_command_is_killed(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "begun\n"
    parent.kill()
    # The pipe ends with the last process that holds it, which would sleep on.
    assert parent.communicate(timeout=30) == ("", None)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_runs_of_its_own_and_draws_them(name):
    experiment = EXPERIMENTS[name]
    runs = experiment.runs(2, quick=False)
    assert len({run.name for run in runs}) == len(runs)
    assert {label for run in runs for label in experiment.groups} <= runs[0].labels.keys()
    assert len(experiment.runs(2, quick=True)) < len(runs)
    for run in [*runs, *experiment.runs(2, quick=True)]:
        saved = run.settings.get("checkpoint.every_n_train_steps", 1)
        assert run.settings.get("trainer.max_steps", 0) % saved == 0, "or the end is not saved"
    if name != "motivating":
        figures = dict.fromkeys(
            [
                *experiment.columns.values(),
                "model/kl",
                "model/mode_weight_tv",
                *(f"{o}/class_weight_{k}" for o in ("samples", "model") for k in range(10)),
            ],
            0.5,
        )
        figures |= {f"{o}/class_weight_ess": 100.0 for o in ("samples", "model")}
        outcomes = [Outcome(run, figures) for run in runs]
        outcomes[-1] = Outcome(runs[-1], None)
        assert experiment.draw(outcomes, None).axes


def test_a_model_whose_class_weights_rest_on_no_draws_is_not_drawn():
    experiment = EXPERIMENTS["classes"]
    outcomes = []
    for run, worth in zip(experiment.runs(1, quick=True), (49.0, 51.0), strict=True):
        figures = {f"{o}/class_weight_{k}": 0.5 for o in ("samples", "model") for k in (0, 1)}
        figures |= {"samples/class_weight_ess": 100.0}
        outcomes.append(Outcome(run, figures | {"model/class_weight_ess": worth}))
    samples, model = experiment.draw(outcomes, None).axes
    assert len(samples.patches) == 2 * 3
    assert len(model.patches) == 2 * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "choose from"),
        (["samplers", "--seeds", "0"], "0 is not a number of at least 1"),
        (["samplers", "--data-dir", "x"], "samplers needs no data: leave out --data-dir"),
        (["samplers", "--output", "/proc/x"], "nothing can be written to /proc/x"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["reproduce", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err

"""`last`, `best` and a path: the checkpoint that is meant, its settings, its folder."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import yaml

RUN = "lightning_logs/version_0"
BASE = """
seed_everything: 0
trainer:
  accelerator: cpu
  max_steps: 20
  log_every_n_steps: 1
  enable_model_summary: false
  enable_progress_bar: false
  num_sanity_val_steps: 0
  limit_val_batches: 0
model:
  sampler: {class_path: mala, init_args: {step_size: 0.05}}
  energy: {class_path: MLP, init_args: {event_shape: [2], hidden: [8]}}
  n_samples: 32
  evaluation_draws: 2
  log_z_draws: 64
  annealing_steps: 1
  search_steps: 10
data:
  class_path: KnownDensity
  init_args: {density: TwoModes, train_size: 1000, test_size: 100, batch_size: 100}
pictures:
  every_n_steps: 100000
"""


@pytest.fixture
def fit(inside, tmp_path):
    """Fit the small run, ten batches an epoch."""
    (tmp_path / "base.yaml").write_text(BASE)
    return lambda *args: inside("fit", "--config", "base.yaml", *args)


@pytest.fixture
def refused(capfd):
    """The sentence in which a command is refused."""

    def run(command, *args):
        with pytest.raises(SystemExit) as stopped:
            command(*args)
        assert stopped.value.code == 2
        errors = [line for line in capfd.readouterr().err.splitlines() if "error:" in line]
        assert len(errors) == 1
        return errors[0]

    return run


def loaded(path):
    return torch.load(path, weights_only=True)


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def scalars(folder, tag):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return [event.step for event in events.Scalars(tag)]


def test_last_goes_on_in_its_folder_with_unbroken_curves(fit, inside, tmp_path):
    fit("--checkpoint.every_n_train_steps=5")
    run = tmp_path / RUN
    before = (run / "config.yaml").read_text()
    # Killed half way: what it drew beyond its last checkpoint is there, and the file is not.
    shutil.copytree(run, tmp_path / "whole")
    fit("--trainer.max_steps=27", "--ckpt_path=last", "--checkpoint.every_n_train_steps=1000")
    (run / "checkpoints" / "last.ckpt").unlink()
    shutil.copy(tmp_path / "whole" / "checkpoints" / "last.ckpt", run / "checkpoints")
    for path in run.glob("checkpoints/epoch*"):
        path.unlink()

    fit("--trainer.max_steps=30", "--ckpt_path", "last")
    assert [path.name for path in (tmp_path / "lightning_logs").iterdir()] == ["version_0"]
    assert {p.name: loaded(p)["global_step"] for p in (run / "checkpoints").iterdir()} == {
        "last.ckpt": 30,
        "epoch=2-step=30.ckpt": 30,
    }
    assert scalars(run, "training/energy/data") == list(range(30))
    assert (run / "config_1.yaml").read_text() == before
    assert yaml.safe_load((run / "config.yaml").read_text())["trainer"]["max_steps"] == 30


def test_last_is_of_the_run_that_was_written_to_last(fit, inside, tmp_path):
    fit()
    fit("--model.temperature=2")
    inside("fit", "--ckpt_path=last", "--trainer.max_steps=30")
    inside("test", "--ckpt_path=last")
    assert metrics(tmp_path / "lightning_logs/version_1")["run"]["checkpoint"].endswith(
        "last.ckpt"
    )
    assert loaded(tmp_path / RUN / "checkpoints/last.ckpt")["global_step"] == 20
    inside("fit", f"--ckpt_path={RUN}/checkpoints/last.ckpt", "--trainer.max_steps=25")
    printed = inside("predict", "--ckpt_path=last")
    assert f"{RUN}/samples.npz" in printed


def test_a_damaged_checkpoint_is_passed_over(fit, inside, tmp_path):
    fit()
    (tmp_path / RUN / "checkpoints/last.ckpt").write_bytes(b"half of it")
    with pytest.warns(UserWarning, match=r"passed over: --ckpt_path is '.*last\.ckpt'"):
        printed = inside("predict", "--ckpt_path=last")
    assert "samples written" in printed


def test_a_checkpoint_is_tested_by_its_own_settings(fit, inside, refused, tmp_path):
    here = ["--trainer.logger=false", "--trainer.default_root_dir=root"]
    root, checkpoint = tmp_path / "root", "root/checkpoints/last.ckpt"
    fit(*here, "--model.temperature=2")
    inside("test", f"--ckpt_path={checkpoint}")
    first = metrics(root)
    assert first["run"]["settings"]["model"]["temperature"] == 2

    said = refused(fit, *here, "--model.temperature=3")
    assert "root has checkpoints of another run: give --trainer.default_root_dir, or" in said
    # The run's settings stay its own whatever the file beside it says.
    text = (root / "config.yaml").read_text().replace("temperature: 2.0", "temperature: 3.0")
    (root / "config.yaml").write_text(text)
    inside("test", f"--ckpt_path={checkpoint}")
    assert metrics(root) == first
    inside("test", f"--ckpt_path={checkpoint}", "--config", "base.yaml")
    assert metrics(root)["model/kl"] == first["model/kl"]
    inside("test", f"--ckpt_path={checkpoint}", "--model.temperature=4")
    assert metrics(root)["run"]["settings"]["model"]["temperature"] == 4

    fit(*here, "--model.temperature=5", "--overwrite=true")
    assert {path.name for path in (root / "checkpoints").iterdir()} == {
        "last.ckpt",
        "epoch=1-step=20.ckpt",
    }
    inside("test", "--ckpt_path=last", "--trainer.default_root_dir=root")
    assert metrics(root)["run"]["settings"]["model"]["temperature"] == 5


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    ("settings", "checkpoint", "reason"),
    [
        (["--model.temperature=3"], "last", "other settings are given for model"),
        (["--seed_everything=1"], "last", "other settings are given for seed_everything"),
        ([], f"{RUN}/checkpoints/epoch=0-step=10.ckpt", "its run went further than step 10"),
        (["--trainer.default_root_dir=b"], f"{RUN}/checkpoints/last.ckpt", "another --trainer.d"),
    ],
)
def test_what_is_another_run_has_another_folder(settings, checkpoint, reason, fit, tmp_path):
    fit("--checkpoint.save_top_k=-1")
    kept = {path.name: path.read_bytes() for path in (tmp_path / RUN / "checkpoints").iterdir()}
    printed = fit(f"--ckpt_path={checkpoint}", "--trainer.max_steps=30", *settings)
    assert f"is gone on from in a new folder, since {reason}" in printed
    assert kept == {p.name: p.read_bytes() for p in (tmp_path / RUN / "checkpoints").iterdir()}
    new = tmp_path / ("b" if "=b" in str(settings) else "") / "lightning_logs"
    assert (max(new.iterdir()) / "checkpoints/epoch=2-step=30.ckpt").is_file()


def test_a_figure_with_a_slash_names_a_file_and_the_best_is_found(fit, inside, tmp_path):
    monitored = ["--checkpoint.monitor=val/kl", "--checkpoint.filename={epoch}-{val/kl:.2f}"]
    fit(
        *monitored, "--trainer.limit_val_batches=1.0", "--checkpoint.save_on_train_epoch_end=false"
    )
    (best,) = (tmp_path / RUN / "checkpoints").glob("epoch=*")
    assert best.name.startswith(("epoch=0-val_kl=", "epoch=1-val_kl="))
    inside("test", "--ckpt_path=best")
    assert metrics(tmp_path / RUN)["run"]["checkpoint"] == str(best)
    (tmp_path / "lightning_logs").rename(tmp_path / "moved")
    assert "moved/version_0/samples.npz" in inside("predict", "--ckpt_path=best")


def test_what_is_not_there_is_said(fit, inside, refused, tmp_path):
    none = f"--ckpt_path is 'last', but no run in {tmp_path} has a checkpoint"
    assert none in refused(fit, "--ckpt_path=last")
    assert none in refused(inside, "test", "--ckpt_path=last")
    assert not (tmp_path / "lightning_logs").exists()
    fit()
    assert "monitored no figure" in refused(inside, "test", "--ckpt_path=best")


def test_time_that_is_up_is_no_success_and_leaves_the_step(fit, tmp_path, capfd):
    with pytest.raises(SystemExit) as stopped:
        fit("--trainer.max_steps=100000", '--trainer.max_time={"seconds": 1}')
    assert stopped.value.code == 124
    (said,) = [s for s in capfd.readouterr().err.splitlines() if s.startswith("stopped by")]
    step = loaded(tmp_path / RUN / "checkpoints/last.ckpt")["global_step"]
    assert f"after step {step}, saved in" in said

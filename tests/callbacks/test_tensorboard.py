"""What TensorBoard's files hold of a run, as TensorBoard's own reader finds it."""

from __future__ import annotations

import re
from pathlib import Path

import lightning as L
import pytest
import yaml
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG
from tensorboard.plugins.hparams.metadata import (
    EXPERIMENT_TAG,
    SESSION_START_INFO_TAG,
    parse_experiment_plugin_data,
    parse_session_start_info_plugin_data,
)

from lightning_ebm.callbacks import EBMTensorBoardLogger
from lightning_ebm.callbacks.layout import CHARTS, HEADINGS, layout

CONFIG = """
seed_everything: 3
trainer:
  accelerator: cpu
  max_steps: 20
  log_every_n_steps: 1
  enable_model_summary: false
  enable_progress_bar: false
model:
  sampler: {class_path: flow_mcmc, init_args: {n_local: 2}}
  energy: {class_path: MLP, init_args: {event_shape: [2], hidden: [8]}}
  flow: {class_path: RealNVP, init_args: {event_shape: [2], n_layers: 2, hidden: 8}}
  energy_optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.0625}}
  flow_pretraining: 2
  n_samples: 32
  evaluation_draws: 2
  log_z_draws: 64
  search_steps: 40
data:
  class_path: KnownDensity
  init_args: {density: {class_path: TwoModes}, train_size: 320, test_size: 64, batch_size: 32}
"""
RUNS = Path("lightning_logs")


def read(folder: Path) -> EventAccumulator:
    every = {"scalars": 0, "tensors": 0, "images": 0}
    return EventAccumulator(str(folder), size_guidance=every).Reload()


def charts(events: EventAccumulator) -> dict[str, dict[str, list[str]]]:
    """The tags that TensorBoard finds, by category and chart, of the latest layout."""
    tags = sorted(events.Tags()["scalars"])
    latest = max(events.Tensors(CONFIG_SUMMARY_TAG), key=lambda event: event.wall_time)
    found = Layout.FromString(latest.tensor_proto.string_val[0])
    return {
        category.title: {
            chart.title: [
                tag for tag in tags for pattern in chart.multiline.tag if re.match(pattern, tag)
            ]
            for chart in category.chart
        }
        for category in found.category
    }


@pytest.fixture
def run(inside, tmp_path):
    """The command, on a small run that is trained, validated and saved."""
    (tmp_path / "small.yaml").write_text(CONFIG)
    inside("fit", "--config", "small.yaml")
    return inside


def test_a_run_that_is_tested_explains_itself(run, tmp_path):
    folder = tmp_path / RUNS / "version_0"
    trained = read(folder)
    run("test", "--ckpt_path=last")
    run("validate", "--ckpt_path=last")
    run("predict", "--ckpt_path=last")
    assert [path.name for path in folder.parent.iterdir()] == ["version_0"]

    events = read(folder)
    tags = events.Tags()["scalars"]
    assert {tag.partition("/")[0] for tag in tags} == {*HEADINGS, "hparams"} - {"density"}
    for tag in tags:
        assert " Unit: " in events.summary_metadata[tag].summary_description, tag
    for tag in trained.Tags()["scalars"]:
        if not tag.startswith(("val/", "hparams/")):
            assert [e.step for e in events.Scalars(tag)] == [e.step for e in trained.Scalars(tag)]
    assert {e.step for tag in tags if tag.startswith("test/") for e in events.Scalars(tag)} == {20}
    assert [event.step for event in events.Scalars("val/nll")][-1] == 20
    (width, height), *_ = [
        (image.width, image.height) for image in events.Images("pictures/model")
    ]
    assert min(width, height) >= 1000
    with Image.open(folder / "pictures/step_000020.png") as picture:
        assert picture.size == (width, height)

    shown = charts(events)
    assert set(shown) == set(CHARTS)
    assert all(some for chart in shown.values() for some in chart.values())
    assert shown["training"]["losses"] == ["training/loss/energy", "training/loss/flow"]
    assert "test/log_z/lower" in shown["density"]["log Z"]
    assert "age of chains" not in shown["mixing"]


def test_a_ladder_explains_itself(run, tmp_path):
    run("fit", "--config=small.yaml", "--model.sampler=flow_tempering", "--model.base=flow")
    events = read(tmp_path / RUNS / "version_1")
    assert {"mixing/sampler/age", "density/likelihood/over_flow"} <= {*events.Tags()["scalars"]}
    for tag in events.Tags()["scalars"]:
        assert " Unit: " in events.summary_metadata[tag].summary_description, tag
    shown = charts(events)
    assert shown["mixing"]["age of chains"][0] == "mixing/sampler/age"
    assert shown["density"]["live log Z"] == ["density/sampler/log_z"]
    assert "pictures/sampler" in events.Tags()["images"]


def test_hparams_compare_what_was_chosen_by_what_was_found(run, tmp_path):
    events = read(tmp_path / RUNS / "version_0")
    metadata = events.summary_metadata
    start = parse_session_start_info_plugin_data(
        metadata[SESSION_START_INFO_TAG].plugin_data.content
    ).hparams
    assert start["sampler"].string_value == "flow_mcmc"
    assert start["sampler/n_local"].number_value == 2
    assert start["energy"].string_value == "MLP"
    assert start["flow"].string_value == "RealNVP"
    assert start["energy/learning_rate"].number_value == 0.0625
    assert start["base"].string_value == "gaussian"
    assert start["seed"].number_value == 3
    experiment = parse_experiment_plugin_data(metadata[EXPERIMENT_TAG].plugin_data.content)
    compared = {info.name.tag for info in experiment.metric_infos}
    assert compared == {"hparams/nll", "hparams/log_z_gap", "hparams/weight_error"}
    assert "hp_metric" not in events.Tags()["scalars"]

    def latest(tag: str) -> float:
        return events.Scalars(tag)[-1].value

    assert latest("hparams/nll") == latest("val/nll")
    gap = latest("val/log_z/upper") - latest("val/log_z/lower")
    assert latest("hparams/log_z_gap") == pytest.approx(gap, abs=1e-5)
    assert latest("hparams/weight_error") == latest("val/mode_weight_tv")


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    ("command", "given", "made"),
    [
        ("test", ["--trainer.default_root_dir=apart"], "apart/lightning_logs/version_0"),
        (
            "test",
            ["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=own"],
            "own/lightning_logs/version_0/metrics.csv",
        ),
        ("predict", ["--trainer.logger=false"], None),
        ("test", ["--trainer.logger=false"], None),
    ],
)
def test_a_logger_or_a_place_that_is_given_is_taken(command, given, made, run, tmp_path):
    before = {path.name for path in tmp_path.iterdir()}
    files = set((tmp_path / RUNS).rglob("*tfevents*"))
    run(command, f"--ckpt_path={RUNS}/version_0/checkpoints/last.ckpt", *given)
    assert set((tmp_path / RUNS).rglob("*tfevents*")) == files
    new = {path.name for path in tmp_path.iterdir()} - before
    assert new == (set() if made is None else {made.partition("/")[0]})
    assert made is None or (tmp_path / made).exists()


def test_one_more_process_keeps_charts_and_descriptions(tmp_path):
    for metrics, step in [({"loss/energy": 1.0}, 1), ({"loss/energy": 2.0, "own/name": 3.0}, 2)]:
        logger = EBMTensorBoardLogger(tmp_path, name="", version="run")
        logger.log_metrics(metrics, step)
        logger.finalize("success")
    logger = EBMTensorBoardLogger(tmp_path, name="", version="run")
    newest = max((tmp_path / "run").glob("events*"))
    newest.write_bytes(newest.read_bytes() + b"\x40\0\0\0\0\0\0\0half")
    logger.look(7, tests=True)
    logger.log_metrics({"model/log_z": 4.0, "epoch": 0}, 0)
    logger.finalize("success")
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert set(events.Tags()["scalars"]) == {"training/loss/energy", "own/name", "test/log_z"}
    assert [(e.step, e.value) for e in events.Scalars("test/log_z")] == [(7, 4.0)]
    shown = charts(events)
    assert shown == {
        "training": {"losses": ["training/loss/energy"]},
        "density": {"log Z": ["test/log_z"]},
    }


def test_runs_with_other_figures_share_their_charts():
    # Of one title and other tags TensorBoard would show both.
    without, with_flow = ["training/loss/energy"], ["training/loss/energy", "training/loss/flow"]
    assert layout(without) == layout(with_flow)


def test_names_of_a_logger_with_a_prefix_stay(tmp_path):
    logger = EBMTensorBoardLogger(tmp_path, name="", version="run", prefix="mine")
    logger.log_metrics({"loss/energy": 1.0}, 1)
    logger.finalize("success")
    assert read(tmp_path / "run").Tags()["scalars"] == ["mine-loss/energy"]


def test_a_script_tells_what_it_chose(small_module, tmp_path):
    L.seed_everything(5, verbose=False)
    logger = EBMTensorBoardLogger(tmp_path, name="", version="run")
    logger.log_hyperparams(small_module("mala", n_chains=7).hparams_initial)
    logger.finalize("success")
    told = yaml.safe_load((tmp_path / "run/hparams.yaml").read_text())
    wanted = {"sampler": "MALASampler", "energy": "MLP", "flow": "RealNVP", "n_chains": 7}
    assert wanted.items() <= told.items()
    assert told["sampler/n_steps"] == 10
    assert told["energy/learning_rate"] == 0.001
    assert told["seed"] == 5

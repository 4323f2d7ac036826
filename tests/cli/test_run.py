"""`lightning` as a user runs it: fit, look, resume, sample."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy
import pytest
import torch
import yaml

SAMPLERS = ["ula", "mala", "hmc", "flow_mcmc", "flow_tempering", "coopflow", "nt_ebm"]
SMALL = [
    "--trainer.max_steps=4",
    "--trainer.accelerator=cpu",
    "--trainer.log_every_n_steps=2",
    "--model.flow_pretraining=3",
    "--model.n_samples=32",
    "--model.evaluation_draws=2",
    "--model.log_z_draws=64",
    "--model.annealing_steps=1",
    "--model.ladder_rounds=8",
    "--pictures.every_n_steps=2",
]
TINY = [
    "--data.data_dir=images",
    "--data.download=false",
    "--data.validation_size=8",
    "--data.batch_size=8",
    "--model.n_chains=8",
    "--model.search_steps=10",
    "--model.flow.init_args.hidden=16",
    "--model.flow.init_args.n_layers=2",
    "--model.energy.init_args.widths=[4, 8]",
]
"""Of images."""

RUN = Path("lightning_logs/version_0")


@pytest.mark.thinned(4)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_fit_test_and_predict_with_every_sampler(sampler, lightning, inside, tmp_path):
    fit = lightning(
        "fit",
        "--config",
        "two_modes.yaml",
        f"--model.sampler={sampler}",
        *SMALL,
        "--data.train_size=1024",
    )
    assert fit.returncode == 0, fit.stderr[-2000:]
    run = tmp_path / RUN
    checkpoint = run / "checkpoints" / "last.ckpt"
    assert {p.name for p in (run / "pictures").iterdir()} >= {
        "step_000002.png",
        "step_000004.png",
    }

    printed = inside("test", f"--ckpt_path={checkpoint}")
    assert "model/kl" in printed
    metrics = json.loads((run / "metrics.json").read_text())
    wanted = {
        "model/mode_weight_tv",
        "model/kl",
        "model/log_z",
        "test/nll",
        "test/energy",
        "samples/energy",
    }
    assert wanted <= metrics.keys()
    described = metrics.pop("run")
    assert described["seed"] == 0
    assert described["settings"]["model"]["sampler"]["class_path"].endswith(sampler)
    assert described["units"]["model/kl"] == "nats"
    assert all(described["units"][name] for name in metrics)
    assert described["versions"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    verdicts = [remark for remark in described["remarks"] if remark.startswith("log Z by")]
    assert len(verdicts) == 1
    assert verdicts[0] in printed
    assert not (tmp_path / "config.yaml").exists(), "looking wrote settings where nobody asked"
    assert ("sampler/acceptance_global" in metrics) == (sampler == "flow_mcmc")
    assert ("sampler/acceptance_local" in metrics) == (sampler not in {"ula", "coopflow"})
    assert str(run / "metrics.json") in printed

    printed = inside("predict", f"--ckpt_path={checkpoint}")
    samples = numpy.load(run / "samples.npz")
    assert samples["x"].shape == (32, 2)
    assert samples["energy"].shape == (32,)
    assert (run / "samples.png").stat().st_size > 1000
    assert str(run / "samples.npz") in printed


def test_the_last_checkpoint_is_of_the_last_step(inside, tmp_path):
    # Batches of 512: 5 steps are two epochs, validation after them, and half an epoch.
    interval = ["--trainer.max_steps=5", "--trainer.check_val_every_n_epoch=2"]
    inside("fit", "--config", "two_modes.yaml", *SMALL, "--data.train_size=1024", *interval)
    checkpoint = tmp_path / RUN / "checkpoints" / "last.ckpt"
    assert torch.load(checkpoint, weights_only=True)["global_step"] == 5


def test_tensorboard_shows_what_was_computed_and_nothing_else(inside, tmp_path):
    inside("fit", "--config", "two_modes.yaml", *SMALL, "--data.train_size=1024")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / RUN), size_guidance={"tensors": 0})
    events.Reload()
    scalars = set(events.Tags()["scalars"])
    assert {
        "training/energy/data",
        "training/energy/samples",
        "training/energy/difference",
        "training/loss/energy",
        "training/loss/flow",
        "training/gradient_norm/energy",
        "training/gradient_norm/flow",
        "mixing/sampler/acceptance_local",
        "mixing/sampler/acceptance_global",
        "mixing/sampler/step_size",
        "mixing/sampler/non_finite",
        "weights/chains/mode_weight_tv",
        "weights/flow/mode_weight_tv",
        "training/flow_pretraining/loss",
    } <= scalars
    assert len(events.Scalars("training/energy/data")) == 2
    assert "pictures/model" in events.Tags()["images"]
    settings = yaml.safe_load((tmp_path / RUN / "hparams.yaml").read_text())
    assert settings["difference_penalty"] == 0.3


def test_ula_logs_no_acceptance_and_no_flow(inside, tmp_path):
    inside(
        "fit",
        "--config",
        "two_modes.yaml",
        "--model.sampler=ula",
        *SMALL,
        "--data.train_size=1024",
    )
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / RUN))
    events.Reload()
    scalars = set(events.Tags()["scalars"])
    assert "weights/chains/mode_weight_tv" in scalars
    assert not {tag for tag in scalars if "acceptance" in tag or "flow" in tag}


def test_configurations_stack_print_and_override(lightning, inside, tmp_path):
    (tmp_path / "more.yaml").write_text("model:\n  sampler: ula\n  n_chains: 7\n")
    shown = lightning(
        "fit",
        "--config",
        "two_modes.yaml",
        "--config",
        "more.yaml",
        "--model.sampler.init_args.n_steps=3",
        "--print_config",
    )
    assert shown.returncode == 0, shown.stderr
    settings = yaml.safe_load(shown.stdout)
    assert settings["model"]["sampler"]["class_path"] == "lightning_ebm.plugins.ula"
    assert settings["model"]["sampler"]["init_args"]["n_steps"] == 3
    assert settings["model"]["n_chains"] == 7
    (tmp_path / "printed.yaml").write_text(shown.stdout)
    inside("fit", "--config", "printed.yaml", *SMALL, "--data.train_size=1024")


@pytest.mark.parametrize(
    "sampler",
    [
        "sampler: flow_mcmc",
        "sampler: {class_path: flow_mcmc, init_args: {n_local: 2}}",
        "sampler: {class_path: sampler_plugins.flow_mcmc.FlowMCMCSampler,"
        " init_args: {n_local: 2}}",
        "sampler: {class_path: lightning_ebm.plugins.flow_mcmc, init_args: {n_proposals: 4, "
        "local: {class_path: HMC, init_args: {n_leapfrog: 2}}, start: {class_path: Persistent, "
        "init_args: {first: FromData, size: 600}}}}",
    ],
)
def test_a_sampler_is_named_in_any_form(sampler, inside, tmp_path):
    (tmp_path / "sampler.yaml").write_text(f"model:\n  {sampler}\n")
    printed = inside(
        "fit",
        "--config",
        "two_modes.yaml",
        "--config",
        "sampler.yaml",
        "--trainer.fast_dev_run=true",
        "--model.flow_pretraining=1",
    )
    assert "Epoch 0: 100%" in printed


def test_a_local_file_goes_before_the_packaged_one(lightning, tmp_path):
    (tmp_path / "two_modes.yaml").write_text("seed_everything: 42\n")
    shown = lightning(
        "fit",
        "--config",
        "two_modes.yaml",
        "--model.sampler=ula",
        "--model.energy=MLP",
        "--model.energy.event_shape=[2]",
        "--data=KnownDensity",
        "--data.density=TwoModes",
        "--print_config",
    )
    assert yaml.safe_load(shown.stdout)["seed_everything"] == 42, shown.stderr


def test_the_command_line_wins_over_the_checkpoint(inside, tmp_path):
    inside("fit", "--config", "two_modes.yaml", *SMALL, "--data.train_size=1024")
    checkpoint = tmp_path / RUN / "checkpoints" / "last.ckpt"
    inside("test", f"--ckpt_path={checkpoint}", "--model.sampler=ula")
    metrics = json.loads((tmp_path / RUN / "metrics.json").read_text())
    assert "sampler/step_size" in metrics
    assert "sampler/acceptance_global" not in metrics


def test_two_processes_by_command(lightning, tmp_path):
    fit = lightning(
        "fit",
        "--config",
        "two_modes.yaml",
        *SMALL,
        "--data.train_size=2048",
        "--trainer.devices=2",
        "--trainer.strategy=ddp",
    )
    assert fit.returncode == 0, fit.stderr[-2000:]
    checkpoint = tmp_path / RUN / "checkpoints" / "last.ckpt"
    processes = torch.load(checkpoint, weights_only=True)["lightning_ebm"]["processes"]
    first, second = (p["sampler"]["start._extra_state"]["bank"] for p in processes)
    assert not torch.isin(first[:, 0], second[:, 0]).any()
    assert lightning("predict", f"--ckpt_path={checkpoint}").returncode == 0
    x = numpy.load(tmp_path / RUN / "samples.npz")["x"]
    assert len(numpy.unique(x, axis=0)) == len(x) == 32


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_digits_with_every_sampler(sampler, inside, tmp_path):
    inside("fit", "--config", "digits.yaml", f"--model.sampler={sampler}", *SMALL)
    assert (tmp_path / RUN / "checkpoints" / "last.ckpt").is_file()


@pytest.mark.parametrize("name", ["digits_coopflow", "digits_nt_ebm", "opposite_modes"])
def test_other_packaged_configurations_start(name, inside, tmp_path):
    inside("fit", "--config", f"{name}.yaml", *SMALL, "--trainer.max_steps=2")
    assert (tmp_path / RUN / "checkpoints" / "last.ckpt").is_file()


def test_unbalanced_mnist_says_what_its_classes_weigh(inside, tmp_path):
    write_mnist(tmp_path / "images")
    inside("fit", "--config", "mnist_unbalanced.yaml", *SMALL, *TINY)
    inside("test", f"--ckpt_path={tmp_path / RUN / 'checkpoints' / 'last.ckpt'}")
    metrics = json.loads((tmp_path / RUN / "metrics.json").read_text())
    assert metrics["data/class_weight_0"] == pytest.approx(0.25, abs=0.01)
    for owner in ("samples", "model"):
        weights = [metrics[f"{owner}/class_weight_{k}"] for k in (0, 1)]
        assert sum(weights) == pytest.approx(1)
    assert metrics["model/class_weight_ess"] <= 64


@pytest.mark.thinned(6)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_mnist_from_idx_files_with_every_sampler(sampler, inside, tmp_path):
    write_mnist(tmp_path / "images")
    inside(
        "fit",
        "--config",
        "mnist.yaml",
        f"--model.sampler={sampler}",
        *SMALL,
        *TINY,
        "--data.classes=[0,1]",
        "--data.class_weights=[0.25,0.75]",
    )
    checkpoint = tmp_path / RUN / "checkpoints" / "last.ckpt"
    inside("test", f"--ckpt_path={checkpoint}")
    metrics = json.loads((tmp_path / RUN / "metrics.json").read_text())
    assert {"test/energy", "samples/energy"} <= metrics.keys()
    inside("predict", f"--ckpt_path={checkpoint}")
    assert numpy.load(tmp_path / RUN / "samples.npz")["x"].shape == (32, 1, 28, 28)


def write_mnist(folder: Path) -> None:
    """Write the four IDX files of a tiny MNIST, gzipped."""
    folder.mkdir()
    generator = numpy.random.default_rng(0)
    for part, n in (("train", 96), ("t10k", 32)):
        images = generator.integers(0, 256, (n, 28, 28), dtype=numpy.uint8)
        labels = (numpy.arange(n) % 2).astype(numpy.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim])
            header += b"".join(size.to_bytes(4, "big") for size in array.shape)
            path = folder / f"{part}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(header + array.tobytes()))

"""`load_from_checkpoint(path)` needs nothing else, for every packaged configuration."""

from __future__ import annotations

import copy
import pickle
import struct
from pathlib import Path

import numpy
import pytest
import torch

from lightning_ebm import EBMLightningModule, SettingError

CONFIGS = sorted(path.name for path in (Path(__file__).parents[2] / "configs").glob("*.yaml"))
QUICK = [
    "--trainer.max_steps=1",
    "--trainer.accelerator=cpu",
    "--trainer.limit_val_batches=0",
    "--trainer.log_every_n_steps=1",
    "--model.flow_pretraining=1",
    "--model.n_chains=4",
]


def own_arguments(config: str, folder: Path) -> list[str]:
    """What a configuration asks of its user: where the data is."""
    if config.startswith("mnist"):
        write_mnist(folder / "mnist")
        return ["--data.data_dir=mnist", "--data.validation_size=2", "--data.batch_size=4"]
    if config.startswith("own_points"):
        numpy.save(folder / "points.npy", numpy.random.default_rng(0).normal(size=(600, 2)))
        return ["--data.path=points.npy"]
    return []


def write_mnist(folder: Path) -> None:
    """Four files as MNIST has them, of noise, ten of each class."""
    folder.mkdir()
    for prefix in ("train", "t10k"):
        images = torch.randint(256, (100, 28, 28), dtype=torch.uint8)
        labels = (torch.arange(100) % 10).to(torch.uint8)
        for name, values in {"images-idx3": images, "labels-idx1": labels}.items():
            sizes = struct.pack(f">{values.ndim}I", *values.shape)
            header = bytes([0, 0, 8, values.ndim]) + sizes
            (folder / f"{prefix}-{name}-ubyte").write_bytes(header + values.numpy().tobytes())


@pytest.mark.thinned(3)
@pytest.mark.parametrize("config", CONFIGS)
def test_a_checkpoint_is_loaded_by_its_path_alone(config: str, inside, tmp_path: Path) -> None:
    inside("fit", "--config", config, *own_arguments(config, tmp_path), *QUICK)
    (path,) = tmp_path.glob("lightning_logs/version_0/checkpoints/last.ckpt")
    module = EBMLightningModule.load_from_checkpoint(path)
    saved = torch.load(path, weights_only=True)["state_dict"]
    loaded = module.state_dict()
    torch.testing.assert_close({key: loaded[key] for key in saved}, saved, rtol=0, atol=0)
    x = torch.randn(3, *module.event_shape)
    figures = module.unnormalised_log_prob(x)
    assert figures.isfinite().all()
    for other in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        torch.testing.assert_close(other.unnormalised_log_prob(x), figures, rtol=0, atol=0)


def test_what_a_test_found_of_log_z_normalises_the_checkpoint(inside, tmp_path: Path) -> None:
    small = ["--model.n_samples=16", "--model.evaluation_draws=4", "--model.search_steps=0"]
    inside("fit", "--config", "two_modes.yaml", *QUICK, *small, "--model.log_z_draws=64")
    path = tmp_path / "lightning_logs/version_0/checkpoints/last.ckpt"
    with pytest.raises(SettingError, match="has not been estimated yet"):
        _ = EBMLightningModule.load_from_checkpoint(path).log_z
    printed = inside("test", f"--ckpt_path={path}")
    module = EBMLightningModule.load_from_checkpoint(path)
    assert module.log_z.verdict in printed
    x = torch.zeros(1, 2)
    with pytest.warns(UserWarning, match="not trusted"):
        log_prob = module.log_prob(x)
    torch.testing.assert_close(log_prob, module.unnormalised_log_prob(x) - module.log_z.value)
    # Another checkpoint of the run has other weights, and that log Z is not theirs.
    saved = torch.load(path, weights_only=True)
    saved["state_dict"]["average.module.layers.1.weight"] += 1
    saved["state_dict"]["energy.layers.1.weight"] += 1
    torch.save(saved, path.with_name("other.ckpt"))
    with pytest.raises(SettingError, match="has not been estimated yet"):
        _ = EBMLightningModule.load_from_checkpoint(path.with_name("other.ckpt")).log_z

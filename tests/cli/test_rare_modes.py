"""Rare modes get their weights by the packaged settings, with nothing to switch on."""

import pytest
import torch

from lightning_ebm import EBMLightningModule
from lightning_ebm.data import GaussianMixture, TwoModes
from lightning_ebm.evaluation.quadrature import density_report

THREE = {
    "means": [[-3.0, -3.0], [3.0, 0.0], [0.0, 3.0]],
    "scales": [0.5, 0.5, 0.5],
    "weights": [0.01, 0.3, 0.69],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("density", "options"),
    [
        (TwoModes(weight=0.005), ["TwoModes", "--data.density.init_args.weight=0.005"]),
        (
            GaussianMixture(**THREE),
            ["GaussianMixture", *(f"--data.density.init_args.{k}={v}" for k, v in THREE.items())],
        ),
    ],
    ids=["two modes", "three modes"],
)
def test_a_rare_mode_gets_its_weight(density, options, inside, tmp_path):
    """Within half of itself or .004; with seed 1 a penalty on energies went wrong by .98."""
    name, *details = options
    inside(
        "fit",
        "--config=two_modes.yaml",
        f"--data.density={name}",
        *details,
        "--seed_everything=1",
        "--data.seed=1",
    )
    checkpoint = tmp_path / "lightning_logs/version_0/checkpoints/last.ckpt"
    model = EBMLightningModule.load_from_checkpoint(checkpoint, map_location="cpu").eval()
    torch.manual_seed(0)
    report = density_report(model.evaluated_log_density, density, density.sample(100))
    rare = density.mode_weights[0].item()
    assert abs(report["model/mode_weight_0"] - rare) < max(rare / 2, 0.004)
    assert report["model/kl"] < 0.02

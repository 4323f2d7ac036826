"""Flows of zuko and normflows and modules of torch are parts of a model by YAML alone."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from lightning_ebm import EBMLightningModule
from lightning_ebm.cli import main

NSF = """
class_path: zuko.flows.NSF
init_args: {features: 2, transforms: 2, hidden_features: [8, 8], bins: 6}
"""
NICE = """
class_path: zuko.flows.NICE
init_args: {features: 2, hidden_features: [8]}
"""
WRAPPED = """
class_path: Flow
init_args:
  model: {class_path: zuko.flows.MAF, init_args: {features: 2, hidden_features: [8]}}
  event_shape: [2]
  standardise: false
"""
OF_NORMFLOWS = """
class_path: normflows.NormalizingFlow
init_args:
  q0: {class_path: normflows.distributions.DiagGaussian, init_args: {shape: 2}}
  flows:
    - class_path: normflows.flows.CoupledRationalQuadraticSpline
      init_args: {num_input_channels: 2, num_blocks: 1, num_hidden_channels: 8}
    - class_path: normflows.flows.LULinearPermute
      init_args: {num_channels: 2}
"""
LAYERS = """
class_path: Sequential
init_args:
  event_shape: [2]
  bound: 5
  layers:
    - {class_path: torch.nn.Linear, init_args: {in_features: 2, out_features: 8}}
    - {class_path: torch.nn.SiLU}
    - {class_path: torch.nn.Linear, init_args: {in_features: 8, out_features: 1}}
"""
BILINEAR = """
class_path: torch.nn.Linear
init_args: {in_features: 2, out_features: 1}
"""
MLP = "{class_path: MLP, init_args: {event_shape: [2], hidden: [8]}}"
BASE = """
trainer: {accelerator: cpu, max_steps: 4, enable_model_summary: false, enable_progress_bar: false}
model:
  flow_pretraining: 4
  n_samples: 16
  evaluation_draws: 2
  log_z_draws: 300
  annealing_steps: 2
  ladder_rounds: 4
  search_steps: 4
data:
  class_path: KnownDensity
  init_args: {density: {class_path: TwoModes}, train_size: 128, test_size: 64, batch_size: 64}
pictures: {every_n_steps: 100000}
"""


def indented(key: str, text: str) -> str:
    return f"  {key}:\n" + "".join(f"    {line}\n" for line in text.strip().splitlines())


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    ("flow", "energy", "sampler", "base"),
    [
        (NSF, MLP, "nt_ebm", "flow"),
        (NICE, LAYERS, "flow_mcmc", "gaussian"),
        (WRAPPED, LAYERS, "flow_tempering", "flow"),
        (OF_NORMFLOWS, MLP, "nt_ebm", "gaussian"),
        (OF_NORMFLOWS, BILINEAR, "coopflow", "gaussian"),
    ],
    ids=["zuko NSF", "zuko NICE", "zuko MAF, wrapped", "normflows", "a linear energy"],
)
def test_a_run_trains_resumes_tests_and_loads(flow, energy, sampler, base, inside, tmp_path):
    if "zuko" in flow and importlib.util.find_spec("zuko") is None:
        pytest.skip("zuko is not installed")
    model = indented("flow", flow) + indented("energy", energy)
    model += f"  sampler: {sampler}\n  base: {base}\n"
    (tmp_path / "run.yaml").write_text(BASE.replace("model:\n", f"model:\n{model}"))
    inside("fit", "--config=run.yaml")
    inside("fit", "--ckpt_path=last", "--trainer.max_steps=6")
    inside("test", "--ckpt_path=last")
    (path,) = Path("lightning_logs").rglob("metrics.json")
    assert json.loads(path.read_text())["test/nll"] is not None
    (checkpoint,) = Path("lightning_logs").rglob("last.ckpt")
    loaded = EBMLightningModule.load_from_checkpoint(checkpoint)
    x = torch.randn(5, 2)
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(state[k], v) for k, v in loaded.flow.state_dict(prefix="flow.").items())
    assert loaded.log_density(x).isfinite().all()
    z, log_det = loaded.flow.inverse(x)
    back, log_det_back = loaded.flow(z)
    assert torch.allclose(back, x, atol=1e-3)
    assert torch.allclose(log_det, -log_det_back, atol=1e-3)


TORCH_LAYERS = """
class_path: torch.nn.Sequential
init_args: {args: [{class_path: torch.nn.Linear, init_args: {in_features: 2, out_features: 1}}]}
"""


@pytest.mark.parametrize(
    ("flow", "energy", "words"),
    [
        (NSF.replace("features: 2", "features: 3"), MLP, ["flow", "3", "[2]"]),
        (NSF.replace("bins: 6", "context: 3"), MLP, ["model.flow is NSF, and no flow", "context"]),
        (NSF.replace("bins: 6", "bin: 6"), MLP, ["model.flow", "'bin'"]),
        (NSF.replace("bins: 6", "transforms: x"), MLP, ["model.flow"]),
        (BILINEAR, MLP, ["model.flow is Linear, and no flow", "zuko"]),
        ("class_path: zuko.flows.Nothing", MLP, ["model.flow", "zuko.flows.Nothing"]),
        (NSF, TORCH_LAYERS, ["model.energy is torch.nn.Sequential", "use Sequential of this"]),
        (
            NSF,
            LAYERS.replace("out_features: 1", "out_features: 3"),
            ["model.energy", "one number"],
        ),
    ],
)
def test_what_is_no_part_is_one_line(flow, energy, words, tmp_path, monkeypatch, capfd):
    pytest.importorskip("zuko")
    monkeypatch.chdir(tmp_path)
    model = indented("flow", flow) + indented("energy", energy) + "  sampler: nt_ebm\n"
    (tmp_path / "run.yaml").write_text(BASE.replace("model:\n", f"model:\n{model}"))
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config=run.yaml"])
    *_, line = capfd.readouterr().err.strip().splitlines()
    assert stop.value.code == 2, line
    assert line.startswith("error: ")
    assert all(word in line for word in words), line

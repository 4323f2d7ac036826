"""Data of one's own, by YAML alone: trained on and tested by the command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy
import pytest
from PIL import Image

from lightning_ebm.cli import main

SHORT = (
    "--trainer.max_steps=3",
    "--trainer.accelerator=cpu",
    "--trainer.enable_progress_bar=false",
    "--model.flow_pretraining=3",
    "--model.n_samples=32",
    "--model.evaluation_draws=2",
    "--model.log_z_draws=200",
    "--model.search_steps=5",
    "--model.ladder_rounds=4",
    "--model.annealing_steps=2",
)
TEST = ("test", "--ckpt_path=last", "--trainer.enable_progress_bar=false")


def metrics() -> dict[str, float]:
    (path,) = Path("lightning_logs").rglob("metrics.json")
    return json.loads(path.read_text())


def test_a_file_of_points_is_trained_on_by_its_packaged_configuration(inside, tmp_path):
    points = numpy.random.default_rng(0).normal([100.0, 0.0], [30.0, 0.01], (400, 2))
    rows = [f"{x},{y},{'far' if x > 120 else 'near'}" for x, y in points.tolist()]
    (tmp_path / "points.csv").write_text("\n".join(["x,y,kind", *rows]))
    inside(
        *("fit", "--config=own_points.yaml", "--data.path=points.csv", "--data.labels=kind"),
        *("--data.class_weights=[1,1]", "--data.batch_size=32", *SHORT),
    )
    inside(*TEST)
    found = metrics()
    # The determinant of the scaling, log(30 · .01), but for the fit to weighted classes.
    between = found["test/nll_in_data_units"] - found["test/nll"]
    assert between == pytest.approx(math.log(30 * 0.01), abs=0.3)
    assert found["data/class_weight_far"] == pytest.approx(0.5, abs=0.02)
    assert found["classifier/accuracy"] > 0.9
    assert "test/bits_per_dimension" not in found


def test_a_folder_of_images_is_trained_on(inside, tmp_path):
    generator = numpy.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for k in range(60):
        pixels = generator.integers(0, 256, (4, 4)).astype("u1")
        Image.fromarray(pixels).save(tmp_path / "images" / f"{k}.png")
    (tmp_path / "images.yaml").write_text(
        "data: {class_path: ImageFolder, init_args: {path: images, batch_size: 16}}\n"
    )
    shape = "[1,4,4]"
    inside(
        *("fit", "--config=own_points.yaml", "--config=images.yaml"),
        *(f"--model.energy.event_shape={shape}", f"--model.flow.event_shape={shape}", *SHORT),
    )
    inside(*TEST)
    found = metrics()
    assert 6 < found["test/bits_per_dimension"] < 12
    assert "test/nll_in_data_units" not in found
    assert not any("class_weight" in name for name in found)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--data.path=gone.npy"], ["path is 'gone.npy'", "no such file"]),
        (["--data.columns=[a]"], ["columns is ['a']", "leave columns out"]),
        (["--data.scaling=cubic"], ["data.scaling is 'cubic'", "'standardise'"]),
        (["--data.levels=3"], ["levels is 3", "points.npy has 0.5"]),
    ],
)
def test_a_wrong_setting_is_one_line(args, words, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    numpy.save("points.npy", numpy.full((300, 2), 0.5))
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config=own_points.yaml", *args])
    assert stop.value.code == 2
    *_, line = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert all(word in line for word in words), line
    assert {path.name for path in tmp_path.iterdir()} == {"points.npy"}

"""A wrong command ends in one line that names key and value, status 2, and leaves nothing."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from lightning_ebm.cli import main
from tests.cli import wrong_inputs, wrong_settings

BASE = """
seed_everything: 0
trainer:
  accelerator: cpu
  max_steps: 2
  enable_model_summary: false
  enable_progress_bar: false
  limit_val_batches: 0
model:
  sampler: mala
  energy: {class_path: MLP, init_args: {event_shape: [2], hidden: [8]}}
  flow: {class_path: RealNVP, init_args: {event_shape: [2], n_layers: 2, hidden: 8}}
  flow_pretraining: 1
  energy_optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.01}}
data:
  class_path: KnownDensity
  init_args: {density: {class_path: TwoModes}, train_size: 640, test_size: 64, batch_size: 32}
pictures:
  every_n_steps: 100000
"""
PLUG_IN = "import torch\nfrom lightning_ebm import Draw, Sampler\n\n{base}\n\n{body}\n"
BASE_CLASS = """
class Base(Sampler):
    def sample(self, problem, n):
        return Draw(problem.reference.sample(n)[0], {})
"""
SPELT = {".nan": "nan", ".inf": "inf"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


@pytest.fixture
def refused(folder, capfd):
    """Run a command within this process; the line in which it was refused."""

    def run(args: list[str]) -> str:
        with pytest.raises(SystemExit) as stop:
            main(args)
        said = capfd.readouterr()
        return one_line(said.err, stop.value.code, folder)

    return run


def one_line(printed: str, status: int, folder: Path) -> str:
    errors = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert status == 2, printed[-2000:]
    assert len(errors) == 1, printed[-2000:]
    assert "Traceback" not in printed
    assert not re.search("Union subtypes|Namespace|Parser key|class_path=", errors[0])
    assert not list(folder.rglob("version_*")), "a folder of the run was left"
    assert not list(folder.rglob("config.yaml"))
    return errors[0]


def options() -> list[tuple[list[str], list[str]]]:
    """Every wrong value of every setting, as arguments and the words to be said."""
    rows = [([], option, values) for option, values in wrong_settings.SETTINGS.items()]
    for sampler, settings in wrong_settings.SAMPLERS.items():
        named = [f"--model.sampler={sampler}"]
        rows += [
            (named, f"--model.sampler.init_args.{key}", values) for key, values in settings.items()
        ]
    commands = [
        (
            [*before, f"{option}={value}"],
            [option.split(".")[-1].strip("-"), SPELT.get(value, value)],
        )
        for before, option, values in rows
        for value in values
    ]
    return commands + [(added.split(), words) for added, words in wrong_settings.COMBINED.items()]


def label(value: object) -> str:
    return " ".join(value).replace("init_args.", "")[-60:] if isinstance(value, list) else ""


@pytest.mark.thinned(8)
@pytest.mark.parametrize(("args", "words"), options(), ids=label)
def test_settings(args, words, refused):
    line = refused(["fit", "--config=base.yaml", *args])
    for word in words:
        assert word in line


@pytest.mark.parametrize(("args", "words"), wrong_inputs.OTHER, ids=label)
def test_commands(args, words, refused):
    line = refused(args)
    for word in words:
        assert word in line


@pytest.mark.parametrize(("name", "row"), wrong_inputs.YAML.items(), ids=label)
def test_configurations(name, row, refused, folder):
    contents, words = row
    contents = contents.encode() if isinstance(contents, str) else contents
    (folder / name).write_bytes(contents)
    line = refused(["fit", "--config=base.yaml", f"--config={name}"])
    for word in words:
        assert word in line


@pytest.mark.parametrize(("part", "words"), wrong_inputs.PARTS.items(), ids=str)
def test_energies_and_data(part, words, refused):
    option, name = part
    line = refused(["fit", "--config=base.yaml", f"{option}=tests.cli.wrong_parts.{name}"])
    for word in words:
        assert word in line


@pytest.mark.parametrize(("name", "row"), wrong_inputs.PLUG_INS.items(), ids=str)
def test_plug_ins(name, row, refused, install):
    body, words = row
    install(name, body)
    line = refused(["fit", "--config=base.yaml", f"--model.sampler={name}"])
    for word in words:
        assert word in line
    if "traceback: " in line:
        log = Path("lightning_error.log").read_text()
        assert f"wrong_plug_in_{name}.py" in log


@pytest.fixture
def install(folder, monkeypatch):
    """Lay out an installed distribution that registers `Mine` under a name."""
    site = folder / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def lay_out(name: str, body: str) -> None:
        module = "wrong_plug_in_" + "".join(c if c.isalnum() else "_" for c in name)
        (site / f"{module}.py").write_text(PLUG_IN.format(base=BASE_CLASS, body=body))
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[lightning_ebm.samplers]\n{name} = {module}:Mine\n"
        )

    return lay_out


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> bytes:
    """A right checkpoint."""
    folder = tmp_path_factory.mktemp("right")
    (folder / "base.yaml").write_text(BASE)
    main(["fit", f"--config={folder}/base.yaml", f"--trainer.default_root_dir={folder}"])
    return (folder / "lightning_logs/version_0/checkpoints/last.ckpt").read_bytes()


@pytest.mark.parametrize("subcommand", ["fit", "test"])
@pytest.mark.parametrize(("name", "row"), wrong_inputs.CHECKPOINTS.items(), ids=label)
def test_checkpoints(subcommand, name, row, refused, folder, checkpoint):
    spoil, words = row
    if spoil is not None:
        (folder / name).write_bytes(spoil(checkpoint))
    line = refused([subcommand, "--config=base.yaml", f"--ckpt_path={name}"])
    for word in ["--ckpt_path", name, *words]:
        assert word in line


class Bomb:
    """What would leave a file behind where it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: torch.save({"state_dict": {}, "bomb": Bomb()}, path), ["not run"]),
        (lambda path: path.write_bytes(pickle.dumps(Bomb())), ["no checkpoint"]),
        (lambda path: torch.save(torch.nn.Linear(2, 2).state_dict(), path), ["of a run"]),
        (
            lambda path: torch.save({"state_dict": torch.nn.Linear(2, 2).state_dict()}, path),
            ["another kind", "weight"],
        ),
        (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "a"), ["an archive"]),
    ],
    ids=["bomb", "bare bomb", "weights", "another model", "archive"],
)
def test_foreign_checkpoints_run_no_code(make, words, refused, folder):
    make(folder / "foreign.ckpt")
    line = refused(["fit", "--config=base.yaml", "--ckpt_path=foreign.ckpt"])
    for word in ["--ckpt_path", "foreign.ckpt", *words]:
        assert word in line
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize("subcommand", ["fit", "test"])
def test_a_checkpoint_of_other_networks(subcommand, refused, folder, checkpoint):
    (folder / "last.ckpt").write_bytes(checkpoint)
    other = "--model.energy.init_args.hidden=[16]"
    line = refused([subcommand, "--config=base.yaml", "--ckpt_path=last.ckpt", other])
    for word in ["--ckpt_path", "last.ckpt", "model.energy", "[8, 2]", "[16, 2]"]:
        assert word in line


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["fit", "--config=base.yaml", "--model.flow_clip=-5"], ["flow_clip", "-5"]),
        (["fit", "--config=base.yaml", "--model.energy.event_shape=[3]"], ["event_shape", "[3]"]),
        (["test", "--config=base.yaml", "--ckpt_path=no.ckpt"], ["--ckpt_path", "no.ckpt"]),
        (["fit", "--config=base.yaml", "--model.sampler=exits"], ["exits", "SystemExit"]),
    ],
    ids=label,
)
def test_as_a_process(args, words, folder, install):
    install("exits", "raise SystemExit(0)")
    done = subprocess.run(
        [sys.executable, "-m", "lightning_ebm", *args],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "site"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    line = one_line(done.stderr, done.returncode, folder)
    for word in words:
        assert word in line

"""A class that a later source names takes its own defaults, and the command says what is left."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonargparse import ArgumentParser

from lightning_ebm.cli.arguments import classes_first
from lightning_ebm.cli.own_defaults import left_behind, own_defaults
from lightning_ebm.registry import named


class Part:
    pass


class One(Part):
    def __init__(self, size: int, rate: float = 0.1, sizes: tuple[int, int] = (1, 1)) -> None:
        pass


class Two(Part):
    def __init__(self, size: int, rate: float = 0.2) -> None:
        pass


class Box(Part):
    def __init__(self, part: Part) -> None:
        pass


ONE = {"part": {"class_path": "One", "init_args": {"size": 3, "rate": 0.5}}}
TWO = json.dumps({"part": {"class_path": "Two", "init_args": {"rate": 0.7}}})
BOX = {"part": {"class_path": "Box", "init_args": ONE}}
LEFT = "part is Two, with its own defaults; of One are left behind: rate 0.5"


def parsed(*args, base=ONE):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_argument("--part", type=Part)
    with own_defaults() as replaced:
        config = parser.parse_args(classes_first([f"--config={json.dumps(base)}", *args]))
    return config.part.init_args.as_dict(), left_behind(replaced, config)


@pytest.mark.parametrize(
    ("args", "wanted", "said"),
    [
        ([], {"size": 3, "rate": 0.5}, []),
        (["--part=One"], {"size": 3, "rate": 0.5}, []),
        (["--part=test_own_defaults.One"], {"size": 3, "rate": 0.5}, []),
        (["--part=Two"], {"size": 3, "rate": 0.2}, [LEFT]),
        (["--part=Two", "--part.rate=0.9"], {"size": 3, "rate": 0.9}, [LEFT]),
        (["--part.rate=0.9", "--part=Two"], {"size": 3, "rate": 0.9}, [LEFT]),
        (["--part.init_args.rate", ".9", "--part", "Two"], {"size": 3, "rate": 0.9}, [LEFT]),
        (["--part.rate=0.9", "--part.class_path=Two"], {"size": 3, "rate": 0.9}, [LEFT]),
        (["--part.sizes=[1, 1]", f"--config={TWO}"], {"size": 3, "rate": 0.7}, [LEFT]),
        (
            ["--part.sizes=[1, 2]", f"--config={TWO}"],
            {"size": 3, "rate": 0.7},
            [LEFT + ", sizes [1, 2]"],
        ),
        ([f"--config={TWO}", "--part.size=4"], {"size": 4, "rate": 0.7}, [LEFT]),
    ],
)
def test_what_each_source_leaves_in_force(args, wanted, said):
    settings, sentences = parsed(*args)
    assert {key: settings[key] for key in wanted} == wanted
    assert sentences == said


def test_a_part_of_a_part_is_replaced_in_the_same_way():
    settings, said = parsed("--part.part=Two", base=BOX)
    assert settings["part"]["init_args"] == {"size": 3, "rate": 0.2}
    assert said == [LEFT.replace("part is", "part.init_args.part is")]


def test_a_registered_name_is_no_other_class():
    name = f"{named('ula').__module__}.ula"
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--part", type=named("ula").__base__)
    with own_defaults() as replaced:
        config = parser.parse_args(["--part=ula", "--part.n_steps=7", "--part=ULASampler"])
    assert config.part.class_path != name
    assert config.part.init_args.n_steps == 7
    assert replaced == []


BASE = """
trainer: {max_steps: 1, accelerator: cpu, logger: false, enable_progress_bar: false}
model:
  sampler: {class_path: coopflow, init_args: {n_steps: 30, step_size: 0.00045, compile: false}}
  energy: {class_path: MLP, init_args: {event_shape: [2], hidden: [8]}}
  flow: {class_path: RealNVP, init_args: {event_shape: [2], n_layers: 2, hidden: 4}}
data:
  class_path: KnownDensity
  init_args: {density: TwoModes, train_size: 32, test_size: 32, batch_size: 16}
"""


def test_the_command_says_it_in_one_line_and_does_it(inside, tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    said = inside("fit", "--config=base.yaml", "--model.sampler=ula", "--seed_everything=1")
    # What captures logs may show a line once more, with where it comes from.
    assert sum(line.startswith("model.sampler is") for line in said.splitlines()) == 1
    assert (
        "model.sampler is ula, with its own defaults; "
        "of coopflow are left behind: n_steps 30, step_size 0.00045\n"
    ) in said
    settings = yaml.safe_load((tmp_path / "config.yaml").read_text())["model"]["sampler"]
    assert settings["init_args"] == {
        "n_steps": 10,
        "step_size": 0.01,
        "start": None,
        "compile": False,
        "chunk_size": None,
    }

"""Short help fits a page, and names nothing that is not there; all of it is one word away."""

from __future__ import annotations

import re

import pytest

from lightning_ebm.cli.subcommands import SUBCOMMANDS, TRAINED


@pytest.mark.parametrize(
    ("args", "most"), [(["--help"], 60), (["-h"], 60), *((([c, "--help"]), 80) for c in TRAINED)]
)
def test_a_page(args, most, inside):
    lines = inside(*args).splitlines()
    assert 10 < len(lines) < most
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("examples") for line in lines)


def test_the_overview_names_every_subcommand(inside):
    named = re.findall(r"^  (\w+) +\w", inside("--help"), re.MULTILINE)
    assert [name for name in named if name in SUBCOMMANDS] == list(SUBCOMMANDS)


@pytest.mark.parametrize("command", TRAINED)
def test_every_key_of_a_page_is_one_of_all(command, inside, capfd):
    keys = set(re.findall(r"--[a-z][\w.]*", inside(command, "--help")))
    with pytest.raises(SystemExit):
        inside(command, "--help=all")
    known = set(re.findall(r"--[a-z][\w.]*", capfd.readouterr().out))
    assert len(known) > 80
    # What is set of a class is known when the class is.
    of_classes = {"--model.sampler", "--model.energy", "--model.flow", "--data"}
    named = {
        key.partition(".init_args")[0].removesuffix(".help").replace("--data.path", "--data")
        for key in keys - {"--help"}
    }
    assert named <= known | of_classes
    assert of_classes <= known


def test_the_examples_of_fit_can_be_parsed(inside, capfd):
    examples = re.findall(r"^  lightning (fit .*)", inside("fit", "--help"), re.MULTILINE)
    assert len(examples) == 3
    for example in examples:
        with pytest.raises(SystemExit) as stop:
            inside(*example.split(), "--print_config")
        assert stop.value.code == 0, capfd.readouterr().err

"""TAB: the shells' scripts work in the shells, and every candidate is one that there is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_ebm.cli.completion import OPTIONS, OWN_OPTIONS, SHELLS, candidates
from lightning_ebm.cli.configurations import packaged
from lightning_ebm.cli.misspelt import CLASSES
from lightning_ebm.cli.subcommands import SUBCOMMANDS, TRAINED
from lightning_ebm.registry import registered_names

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
BASH = """
eval "$(lightning completion bash)"
compopt() { echo "compopt $*"; }
at_tab() {
    COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
    $(complete -p lightning | sed 's/.*-F \\([^ ]*\\).*/\\1/') lightning
    echo "${COMPREPLY[*]}"
}
"""


def shell(name, code, folder):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    outcome = subprocess.run(
        [name, *flags, "-c", code],
        cwd=folder,
        env=os.environ | {"PATH": PATH},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stderr == ""
    return outcome.stdout.splitlines()


def test_bash_completes_words_and_what_follows_its_own_borders(tmp_path):
    (tmp_path / "two_wells.yaml").touch()
    lines = ["lightning f", "lightning fit --config two", "lightning fit --model.sampler=flow"]
    asked = "".join(f'at_tab "{line}"\n' for line in [*lines, "lightning fit --model.temp"])
    assert shell("bash", BASH + asked, tmp_path) == [
        "fit",
        "two_modes.yaml two_wells.yaml",
        "flow_mcmc flow_tempering",
        "compopt -o nospace",
        "--model.temperature=",
    ]


def test_fish_completes(tmp_path):
    code = "lightning completion fish | source\ncomplete -C 'lightning fit --model.sampler=flow'"
    names = ["--model.sampler=flow_mcmc", "--model.sampler=flow_tempering"]
    assert shell("fish", code, tmp_path) == names


def test_zsh_completes(tmp_path):
    code = """
    compdef() { completes=$1 }
    compadd() { shift $(( ${@[(i)--]} )); (( $# )) && print -r -- $@ }
    eval "$(lightning completion zsh)"
    words=(lightning fit --model.sampler=flow) CURRENT=3 PREFIX=--model.sampler=flow
    $completes
    """
    names = ["--model.sampler=flow_mcmc --model.sampler=flow_tempering"]
    assert [line for line in shell("zsh", code, tmp_path) if line] == names


@pytest.mark.parametrize("name", SHELLS)
def test_there_is_a_script_for_each_shell(name, inside):
    assert "completion --line" in inside("completion", name)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("lightning ", {*SUBCOMMANDS, "--help", "--version"}),
        ("lightning samplers ", set(registered_names())),
        ("lightning fit --model.sampler ", set(registered_names())),
        ("lightning fit --model.sampler=u", {"--model.sampler=ula"}),
        ("lightning fit --config digi", {n for n in packaged() if n.startswith("digi")}),
        ("lightning fit --model.samp", {"--model.sampler="}),
        ("lightning fit --tr", {"--trainer."}),
        ("lightning fit --model.sampler=ula --model.sampler.", {"--model.sampler.init_args."}),
        ("lightning fit --then_test=t", {"--then_test=true"}),
        ("lightning fit --ckpt_path b", {"best"}),
        ("lightning fit 'open", set()),
        ("lightning fit nothing", set()),
        ("lightning fitt --c", set()),
    ],
)
def test_candidates(line, wanted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set(candidates(line)) == wanted


@pytest.mark.parametrize("words", ["--model.sampler=hmc", "--config opposite_modes.yaml"])
def test_settings_of_the_sampler_that_is_named(words):
    found = candidates(f"lightning fit {words} --model.sampler.init_args.n_l")
    name = "n_leapfrog" if "hmc" in words else "n_local"
    assert found == [f"--model.sampler.init_args.{name}="]


def test_files_of_a_folder_are_candidates(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/inner").mkdir(parents=True)
    (tmp_path / "runs/inner/last.ckpt").touch()
    (tmp_path / "runs/inner/notes.txt").touch()
    assert candidates("lightning test --ckpt_path=run") == ["--ckpt_path=runs/"]
    assert candidates("lightning test --ckpt_path=runs/inner/") == [
        "--ckpt_path=runs/inner/last.ckpt"
    ]


@pytest.mark.parametrize("command", TRAINED)
def test_options_are_those_of_the_parser(command, inside, capfd):
    with pytest.raises(SystemExit):
        inside(command, "--help=all")
    printed = capfd.readouterr().out
    # Python 3.13 does not say what a short option takes.
    known = set(re.findall(r"^  (?:-\w(?: \w+)?, )?(--[a-z]\w+)(?=[ \n])", printed, re.MULTILINE))
    own = {option.rstrip("=.") for option in (*OPTIONS, *OWN_OPTIONS[command])}
    assert own == known - {"--help", "--print_config", *(f"--{group}" for group in CLASSES)}

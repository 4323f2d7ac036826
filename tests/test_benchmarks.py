"""One command runs every benchmark and keeps what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, FOLDER, headline, main, options_of, run, tables_in

PARTS = {"__init__", "__main__", "measuring", "tight_loops"}


def test_every_benchmark_is_run_and_says_what_it_compares():
    files = {path.stem for path in FOLDER.glob("*.py")} - PARTS
    folders = {path.parent.name for path in FOLDER.glob("*/__main__.py")}
    assert set(BENCHMARKS) == files | folders
    assert all(headline(name).endswith((".", "?")) for name in BENCHMARKS)


def test_tables_are_taken_out_of_what_is_printed():
    lines = ["cost", "", "| | a | b |", "| --- | --- | --- |", "| x | 1 | 2 |", "end", "| c |"]
    tables, rest = tables_in([*lines, "| - |", "| 3 |"])
    assert tables == [[{"": "x", "a": "1", "b": "2"}], [{"c": "3"}]]
    assert rest == ["cost", "", "end"]


def test_what_came_of_a_benchmark_is_kept():
    assert run("start", ["--help"])["status"] == 0
    failed = run("start", ["--turns", "many"])
    assert failed["status"] == 2
    assert failed["command"] == ["python", "-m", "benchmarks.start", "--turns", "many"]


def test_what_needs_more_is_left_out_and_said(tmp_path, capsys):
    path = tmp_path / "all.json"
    assert main(["--quick", "--json", str(path), "tempering_moves", "flowmc"]) == 0
    printed = capsys.readouterr().out
    assert "tempering_moves: left out, --checkpoint is not given" in printed
    assert "flowmc: left out, --python is not given" in printed
    content = json.loads(path.read_text())
    assert content["benchmarks"] == {}
    assert content["machine"]["torch"]
    assert content["command"][:3] == ["python", "-m", "benchmarks"]


def test_what_one_benchmark_said_is_kept_when_the_next_does_not_end(tmp_path, monkeypatch):
    path = tmp_path / "all.json"

    def interrupted(name, options):
        if name == "start":
            return {"status": 0}
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.__main__.run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["--quick", "--json", str(path), "start", "kills"])
    assert json.loads(path.read_text())["benchmarks"] == {"start": {"status": 0}}


def test_files_are_found_from_the_folder_that_benchmarks_run_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"quick": False, "checkpoint": Path("last.ckpt"), "mnist": Path("mnist")}
    assert options_of("tempering_moves", given) == [str(tmp_path / "last.ckpt")]
    assert options_of("training_step", given) == ["--mnist", str(tmp_path / "mnist")]
    assert options_of("training_step", given | {"mnist": None}) == []


def test_a_name_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["quick"])
    assert "there is no benchmark quick: choose of draws" in capsys.readouterr().err


def test_growth_has_a_cost_and_a_memory(tmp_path):
    path = tmp_path / "growth.json"
    command = [sys.executable, "-m", "benchmarks.growth", "--quick", "--json", path]
    subprocess.run([*command, "chains", "processes"], check=True, cwd=Path(FOLDER).parent)
    growth = json.loads(path.read_text())["growth"]
    few, _, many, _ = growth["chains"]
    assert few["case"]["chains"] < many["case"]["chains"]
    assert 0 < few["mebibytes"] < many["mebibytes"]
    assert [case["case"]["processes"] for case in growth["processes"]] == [1, 2]
    assert all(case["microseconds"] > 0 for case in growth["processes"])

"""What the images run works in an empty folder, for a user without a name or a home.

No container engine is needed: instructions of the Dockerfiles are read and carried out.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DOCKER = Path(__file__).parents[1] / "docker"
SHORT = (
    "--trainer.max_steps=3",
    "--trainer.log_every_n_steps=1",
    "--trainer.accelerator=cpu",
    "--model.flow_pretraining=2",
)
NAMELESS = """
import pwd

def getpwuid(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")

pwd.getpwuid = getpwuid
"""


def instructions(name: str) -> dict[str, list[str]]:
    """The instructions of a Dockerfile, each with what it was given."""
    text = re.sub(r"\\\n\s*", " ", (DOCKER / name).read_text())
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        found.setdefault(word, []).append(rest)
    return found


@pytest.fixture
def container(tmp_path):
    """Carry out a command as a container of an image would."""
    (tmp_path / "nameless").mkdir()
    (tmp_path / "nameless" / "sitecustomize.py").write_text(NAMELESS)
    work = tmp_path / "work"
    work.mkdir()

    def run(image: str, command: list[str]) -> str:
        given = instructions(image)
        said = dict(pair.split("=") for line in given["ENV"] for pair in shlex.split(line))
        module = {"lightning": "lightning_ebm", "tensorboard": "tensorboard.main"}[command[0]]
        outcome = subprocess.run(
            [sys.executable, "-m", module, *command[1:]],
            cwd=work,
            env=said | {"PYTHONPATH": str(tmp_path / "nameless"), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert outcome.returncode == 0, (outcome.stdout + outcome.stderr)[-2000:]
        return outcome.stdout + outcome.stderr

    run.work = work
    return run


def test_the_lines_of_readme_and_of_compose_do_what_they_say(container):
    given = instructions("Dockerfile.cpu")
    entry, command = (json.loads(given[word][0]) for word in ("ENTRYPOINT", "CMD"))
    container("Dockerfile.cpu", [*entry, *command, *SHORT])
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    container("Dockerfile.cpu", [*entry, *services["train"]["command"], *SHORT])
    runs = container.work / "lightning_logs"
    assert (runs / "version_1" / "checkpoints" / "last.ckpt").is_file()
    board = services["tensorboard"]
    words = [w.replace("/work", str(container.work)) for w in board["command"]]
    said = container("Dockerfile.cpu", [*board["entrypoint"], *words, "--inspect"])
    assert "energy/difference" in said


@pytest.mark.parametrize("name", ["Dockerfile.cpu", "Dockerfile.gpu"])
def test_an_image_is_built_from_what_there_is_and_run_by_anybody(name):
    given = instructions(name)
    assert given["USER"] == ["ebm"]
    assert given["WORKDIR"] == given["VOLUME"] == ["/work"]
    assert "pip install --no-cache-dir '/opt/lightning-ebm[digits]'" in given["RUN"]
    (config,) = json.loads(given["CMD"][0])[2:]
    assert (DOCKER.parent / "configs" / config).is_file()
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    for service in services.values():
        assert (DOCKER.parent / service["build"]["dockerfile"]).is_file()

"""Kill runs at random instants, resume each to its end, compare with the run never killed.

    python -m benchmarks.kills --kills 200 --folders /tmp/kills /dev/shm/kills --processes 1 2

Half of the kills wait for a checkpoint that is being written. After each every checkpoint is read,
the run goes on by `--ckpt_path=last`, and its end is compared bit for bit. Folders should lie on
different file systems. Prints a table; `--json FILE` writes each kill.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import cycle, product
from pathlib import Path

import torch
import yaml
from torch.utils._pytree import tree_flatten

from lightning_ebm.checkpoints.opening import open_checkpoint
from lightning_ebm.errors import SettingError

SETTINGS = yaml.safe_load("""
seed_everything: 0
trainer:
  {accelerator: cpu, log_every_n_steps: 5, enable_model_summary: false,
   enable_progress_bar: false, num_sanity_val_steps: 0, limit_val_batches: 0}
model:
  energy: {class_path: MLP, init_args: {event_shape: [2], hidden: [64, 64]}}
  flow: {class_path: RealNVP, init_args: {event_shape: [2], n_layers: 2, hidden: 8}}
  flow_pretraining: 3
data:
  class_path: KnownDensity
  init_args: {density: TwoModes, train_size: 1000, test_size: 100, batch_size: 50}
pictures: {every_n_steps: 100000}
""")
STEPS_PER_EPOCH = 20
"""Of one process."""

SAVED_EVERY = 7
"""Steps, so that most checkpoints lie within an epoch, of one process and of two."""

COMPARED = ("state_dict", "optimizer_states", "lr_schedulers", "lightning_ebm", "global_step")
UNFINISHED = ".lightning_ebm-*"
UNLIMITED = 600.0


@dataclass(frozen=True)
class Kill:
    """One kill and what became of it."""

    sampler: str
    folder: str
    processes: int
    while_saving: bool
    instant: float
    saved_steps: int
    unloadable: int
    unfinished: int
    equal: bool
    leftovers: tuple[str, ...]


class Runs:
    """Runs of one sampler, on one file system, by so many processes."""

    def __init__(self, sampler: str, folder: Path, processes: int, epochs: int) -> None:
        self.sampler, self.folder, self.processes = sampler, folder, processes
        self.root = folder / f"{sampler}_{processes}"
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        steps = STEPS_PER_EPOCH // processes
        settings = SETTINGS | {"checkpoint": {"every_n_train_steps": SAVED_EVERY}}
        settings["model"] = settings["model"] | {"sampler": sampler}
        settings["trainer"] = settings["trainer"] | {"max_steps": epochs * steps}
        if processes > 1:
            settings["trainer"] |= {"devices": processes, "strategy": "ddp"}
        self.configuration = self.root / "settings.yaml"
        self.configuration.write_text(yaml.safe_dump(settings))
        self.finish(self.start("unbroken"))
        self.unbroken = checkpoints(self.root / "unbroken")
        # The rest of the process's time goes into starting and into the last picture.
        began = self.unbroken["last.ckpt"].parents[1] / "config.yaml"
        written = [path.stat().st_mtime for path in self.unbroken.values()]
        self.duration = max(written) - began.stat().st_mtime

    def start(self, name: str, *args: str) -> multiprocessing.Process:
        """Start a fit in a folder of this name."""
        root = self.root / name
        args = [
            "fit",
            f"--config={self.configuration}",
            f"--trainer.default_root_dir={root}",
            *args,
        ]
        process = multiprocessing.get_context("forkserver").Process(
            target=command, args=(args, str(self.root / f"{name}.log"))
        )
        process.start()
        return process

    def finish(self, process: multiprocessing.Process) -> None:
        """Wait for a run to end well."""
        process.join(UNLIMITED)
        if process.exitcode != 0:
            raise RuntimeError(f"a run ended with {process.exitcode}: see the logs in {self.root}")

    def wait_for_training(self, name: str, process: multiprocessing.Process) -> None:
        """Wait until a run has a folder."""
        while process.is_alive() and not self.is_training(name):
            time.sleep(0.001)

    def is_training(self, name: str) -> bool:
        """Whether a run has its settings in its folder, which comes and goes once before that."""
        return (self.root / name / "lightning_logs/version_0/config.yaml").is_file()

    def kill(self, name: str, dice: random.Random, *, while_saving: bool) -> Kill:
        """Kill a run, see what it left, and let it go on to its end."""
        process = self.start(name)
        self.wait_for_training(name, process)
        began = time.monotonic()
        process.join(dice.uniform(0, self.duration))
        if while_saving:
            self._wait_for_save(name, process)
        instant = time.monotonic() - began
        kill_all(process)
        left = checkpoints(self.root / name)
        whole = [path for path in left.values() if is_whole(path)]
        saved_steps = max(map(step, whole), default=0)
        unfinished = len(list((self.root / name).rglob(UNFINISHED)))
        self.finish(self.start(name, *(["--ckpt_path=last"] if left else [])))
        ended = checkpoints(self.root / name)
        result = Kill(
            sampler=self.sampler,
            folder=str(self.folder),
            processes=self.processes,
            while_saving=while_saving,
            instant=round(instant, 4),
            saved_steps=saved_steps,
            unloadable=len(left) - len(whole),
            unfinished=unfinished,
            equal=same(ended.get("last.ckpt"), self.unbroken["last.ckpt"]),
            leftovers=(
                *sorted(set(ended) - set(self.unbroken)),
                *(path.name for path in (self.root / name).rglob(UNFINISHED)),
            ),
        )
        shutil.rmtree(self.root / name)
        return result

    def _wait_for_save(self, name: str, process: multiprocessing.Process) -> None:
        folder = self.root / name / "lightning_logs/version_0/checkpoints"
        while process.is_alive() and not any(folder.glob(UNFINISHED)):
            pass


def command(args: list[str], log: str) -> None:
    """Run `lightning ARGS` in this process, which leads a group of its own."""
    os.setsid()
    with open(log, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    from lightning_ebm.cli import main

    # Lightning starts further processes by the command line that it finds here.
    sys.argv = [str(Path(sys.executable).with_name("lightning")), *args]
    sys.modules["__main__"].__spec__ = None
    torch.set_num_threads(1)
    main(args)


def kill_all(process: multiprocessing.Process) -> None:
    """Kill a run's processes, and wait until they are gone."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.join()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)


def checkpoints(root: Path) -> dict[str, Path]:
    """The checkpoints of the newest run in a root folder, by name."""
    runs = sorted(root.glob("lightning_logs/version_*"), key=lambda p: int(p.name[8:]))
    return {path.name: path for path in runs[-1].glob("checkpoints/*.ckpt")} if runs else {}


def is_whole(path: Path) -> bool:
    """Whether a checkpoint can be read, every bit of it."""
    try:
        open_checkpoint(path)
    except SettingError:
        return False
    return True


def step(path: Path) -> int:
    """The steps that a checkpoint has behind it."""
    return torch.load(path, weights_only=True)["global_step"]


def same(first: Path | None, second: Path) -> bool:
    """Whether two checkpoints hold the same weights, chains, optimizers and random states."""
    if first is None:
        return False
    a, b = (torch.load(path, weights_only=True) for path in (first, second))
    leaves, trees = zip(*(tree_flatten([c[key] for key in COMPARED]) for c in (a, b)), strict=True)
    return trees[0] == trees[1] and all(
        torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y
        for x, y in zip(*leaves, strict=True)
    )


def attack(
    kills: int,
    samplers: list[str],
    folders: list[Path],
    processes: list[int],
    epochs: int,
    seed: int,
) -> list[Kill]:
    """Spread so many kills over all combinations."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(
        ["lightning_ebm.cli.lightning_cli", "matplotlib.figure", "torch.utils.tensorboard"]
    )
    os.environ["OMP_NUM_THREADS"] = "1"
    dice = random.Random(seed)
    combinations = list(product(processes, folders, samplers))[:kills]
    share = Counter(combination for combination, _ in zip(cycle(combinations), range(kills)))
    results = []
    for (n, folder, sampler), count in share.items():
        runs = Runs(sampler, folder, n, epochs)
        for k in range(count):
            results.append(runs.kill(f"killed_{k}", dice, while_saving=len(results) % 2 == 1))
            print(results[-1], file=sys.stderr, flush=True)
        shutil.rmtree(runs.root)
    return results


def table(results: list[Kill]) -> str:
    """Counts by sampler, file system and number of processes."""
    lines = [f"{'sampler':16}{'folder':24}{'processes':>10}{'kills':>7}{'saving':>8}{'cut':>5}"
             f"{'unloadable':>12}{'leftovers':>11}{'equal':>7}"]  # fmt: skip
    groups: dict[tuple[str, str, int], list[Kill]] = {}
    for kill in results:
        groups.setdefault((kill.sampler, kill.folder, kill.processes), []).append(kill)
        groups.setdefault(("all", "", 0), []).append(kill)
    for (sampler, folder, n), group in sorted(
        groups.items(), key=lambda item: item[0][0] == "all"
    ):
        lines.append(
            f"{sampler:16}{folder:24}{n or '':>10}{len(group):>7}"
            f"{sum(k.while_saving for k in group):>8}{sum(k.unfinished > 0 for k in group):>5}"
            f"{sum(k.unloadable for k in group):>12}{sum(bool(k.leftovers) for k in group):>11}"
            f"{sum(k.equal for k in group):>7}"
        )
    return "\n".join(lines)


def main() -> None:
    """Attack, print, and exit with 1 if anything was lost, left or different."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--samplers", nargs="+", default=["mala", "flow_mcmc", "coopflow"])
    parser.add_argument("--folders", nargs="+", type=Path, default=[Path("kills")])
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = vars(parser.parse_args())
    path = given.pop("json")
    given["folders"] = [folder.absolute() for folder in given["folders"]]
    results = attack(**given)
    print(table(results))
    if path is not None:
        path.write_text(json.dumps([asdict(kill) for kill in results], indent=1) + "\n")
    if not all(k.equal and not k.unloadable and not k.leftovers for k in results):
        sys.exit(1)


if __name__ == "__main__":
    main()

"""A training step under Trainer over the same step in a loop written by hand, as a ratio.

    python -m benchmarks.training_step [--mnist FOLDER] [--blocks N] [--samplers packaged,ula]

`lightning fit` of each packaged configuration that has a floor, with its logger, checkpoints,
progress bar and all callbacks but pictures and validation, against what a user would write: the
same sampler, energy, flow, optimizers, schedulers, clip and moving average, data from a plain
`DataLoader`, and none of the library's bookkeeping. Networks are frozen for a draw by hand, and
nothing is logged, saved or looked at. `tests/module/test_step_costs.py` holds the loop to
the weights that Trainer comes to, bit for bit.

Blocks of steps alternate within one process, on one thread. A block lasts whole epochs where these
are short, so that each has its share of checkpoints. CPU milliseconds per step, and the ratio
within neighbouring blocks: medians with quartiles.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from lightning_ebm.cli.configurations import resolve
from lightning_ebm.cli.lightning_cli import EBMCLI
from lightning_ebm.module import EBMLightningModule
from lightning_ebm.module.density import ModelDensity
from lightning_ebm.random_state import isolated

FLOORS = {"two_modes": 1.06, "digits": 1.05, "mnist": 1.02}
LEAST_STEPS = {"two_modes": 38, "digits": 40, "mnist": 4}
"""Of a block."""
MOST_EPOCH = 50
"""Steps of an epoch up to which a block lasts whole ones."""
PRETRAINING = 30
"""What the flow learns makes no step cheaper or dearer."""


class BareLoop:
    """Maximum likelihood by hand, from where a module in training is.

    Args:
        module: whose networks, chains and optimizers are copied.
    """

    def __init__(self, module: EBMLightningModule) -> None:
        parts = (module.energy, module.flow, module.frozen_flow, module.reference, module.sampler)
        copies = copy.deepcopy((*parts, module.average))
        self.energy, self.flow, frozen, reference, self.sampler, average = copies
        base = {"gaussian": reference, "flow": frozen and frozen.flow, "none": None}
        density = ModelDensity(
            self.energy, base[module.hparams.base], module.temperature, reference
        )
        self.density, self.objective = density, module.objective
        flow = self.flow if self.sampler.teaches_flow else base["flow"] or self.flow
        self.problem = lambda x: density.problem(flow, x, ())
        self.n_chains = module.n_chains
        made = module.learners.configure(self.energy, self.flow, self.sampler)
        joint = made["optimizer"]
        joint.load_state_dict(copy.deepcopy(module.trainer.optimizers[0].state_dict()))
        self.optimizers = joint.optimizers
        schedulers = made["lr_scheduler"]["scheduler"].schedulers
        for name, scheduler in schedulers.items():
            current = module.learners.scheduler.schedulers[name]
            scheduler.load_state_dict(copy.deepcopy(current.state_dict()))
        self.schedulers = list(schedulers.values())
        self.parameters = {
            name: [p for group in part.param_groups for p in group["params"]]
            for name, part in joint.optimizers.items()
        }
        self.clips = module.learners.clips
        self.averaged = list(average.module.parameters())
        self.averaging = average.decay
        self.n_averaged = int(average.n_averaged)

    def run(self, batches: Iterable[Any]) -> None:
        """One step for each batch."""
        for batch in batches:
            self._step(batch[0] if isinstance(batch, (list, tuple)) else batch)

    def _step(self, x: Tensor) -> None:
        problem = self.problem(x)
        self._let_learn(False)
        draw = self.sampler.sample(problem, self.n_chains or len(x))
        self._let_learn(True)
        loss = self.objective(self.density.energies, x, draw.x.detach()).value
        if self.sampler.teaches_flow:
            loss = loss + self.sampler.flow_loss(problem, draw)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        loss.backward()
        for name, optimizer in self.optimizers.items():
            if self.clips[name] is not None:
                torch.nn.utils.clip_grad_norm_(self.parameters[name], self.clips[name])
            optimizer.step()
        for scheduler in self.schedulers:
            scheduler.step()
        self._average()

    def _let_learn(self, flag: bool) -> None:  # noqa: FBT001
        for parameter in itertools.chain(*self.parameters.values()):
            parameter.requires_grad_(flag)

    @torch.no_grad()
    def _average(self) -> None:
        n = self.n_averaged
        decay = min(self.averaging, (1 + n) / (10 + n)) if n else 0.0
        torch._foreach_lerp_(self.averaged, list(self.energy.parameters()), 1 - decay)
        self.n_averaged += 1


class Alternation(L.Callback):
    """Has the loop by hand take as many steps whenever Trainer has taken a block of them.

    Args:
        least: steps of a block, at least.
        blocks: number of blocks that are measured.
    """

    def __init__(self, least: int, blocks: int) -> None:
        self.least, self.blocks = least, blocks
        self.bare: BareLoop | None = None
        self.seconds: list[tuple[float, float]] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: EBMLightningModule) -> None:
        """Choose the length of a block."""
        epoch = trainer.num_training_batches
        self.length = -(-self.least // epoch) * epoch if epoch <= MOST_EPOCH else self.least
        self.batches = _endless(trainer)

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: EBMLightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Measure both, the first block apart, in which all is new."""
        step = trainer.global_step
        if step == 0 or step % self.length:
            return
        if self.bare is None:
            self.bare = BareLoop(pl_module)
            self._by_hand()
        else:
            under_trainer = time.process_time() - self.begun
            self.seconds.append((under_trainer, self._by_hand()))
        trainer.should_stop = len(self.seconds) == self.blocks
        self.begun = time.process_time()

    def _by_hand(self) -> float:
        with isolated():
            begun = time.process_time()
            self.bare.run(itertools.islice(self.batches, self.length))
            return time.process_time() - begun


class MeasuredCLI(EBMCLI):
    """The command, with a loop by hand beside it."""

    alternation: Alternation

    def before_fit(self) -> None:
        """Add the loop, before all other callbacks."""
        super().before_fit()
        self.trainer.callbacks.insert(0, self.alternation)


def measure(configuration: str, sampler: str, blocks: int, settings: list[str]) -> Alternation:
    """Fit, and return what was measured."""
    MeasuredCLI.alternation = alternation = Alternation(LEAST_STEPS[configuration], blocks)
    with tempfile.TemporaryDirectory() as folder:
        args = [
            *("fit", "--config", f"{configuration}.yaml", f"--trainer.default_root_dir={folder}"),
            *("--trainer.accelerator=cpu", "--trainer.limit_val_batches=0"),
            *("--trainer.max_steps=100000", "--pictures.every_n_steps=1000000"),
            f"--model.flow_pretraining={PRETRAINING}",
            *([] if sampler == "packaged" else [f"--model.sampler={sampler}"]),
            *settings,
        ]
        MeasuredCLI(resolve(args))
    return alternation


def _endless(trainer: L.Trainer) -> Iterator[Any]:
    loader = trainer.datamodule.train_dataloader()
    while True:
        yield from loader


def _quartiles(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:6.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's files; without it left out")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--configurations", default=",".join(FLOORS))
    parser.add_argument("--samplers", default="packaged,ula")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| configuration | sampler | Trainer, ms | by hand, ms | ratio | floor |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for configuration in given.configurations.split(","):
        if configuration == "mnist" and given.mnist is None:
            continue
        data = [f"--data.data_dir={given.mnist.absolute()}"] if configuration == "mnist" else []
        for sampler in given.samplers.split(","):
            with (
                Path(os.devnull).open("w") as nowhere,
                contextlib.redirect_stdout(nowhere),
                contextlib.redirect_stderr(nowhere),
            ):
                measured = measure(configuration, sampler, given.blocks, data)
            times = [
                [1000 * s / measured.length for s in side]
                for side in zip(*measured.seconds, strict=True)
            ]
            ratios = [trained / bare for trained, bare in measured.seconds]
            cells = [configuration, sampler, *map(_quartiles, times), _quartiles(ratios)]
            print(f"| {' | '.join(cells)} | {FLOORS[configuration]} |", flush=True)


if __name__ == "__main__":
    main()

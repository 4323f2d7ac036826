"""A step that is not finite: back to a good state and on, or a stop with that state saved."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_warn

from lightning_ebm.errors import DivergenceError, NotFiniteError
from lightning_ebm.module.looking_hooks import EvaluatedByLightning
from lightning_ebm.module.recovery import SLOWER, Recovery
from lightning_ebm.needed import needed
from lightning_ebm.optimizers import JointOptimizer
from lightning_ebm.processes import gathered
from lightning_ebm.random_state import seed_process

NAME = "before_divergence.ckpt"


def recover(module: EvaluatedByLightning, joint: JointOptimizer, failure: NotFiniteError) -> None:
    """Go back to a good state, and on from there or no further, as the module is set.

    All processes come here at the same step, since gradients are averaged over them.

    Args:
        module: in training.
        joint: its optimizers.
        failure: what was not finite.

    Raises:
        DivergenceError: if training stops: it says where the good state is.
    """
    trainer, recovery, step = module.trainer, module.recovery, module.global_step
    # Each knows of its own loss alone.
    blamed = dict.fromkeys(chain.from_iterable(gathered(recovery.blamed)))
    what = ", ".join([*blamed, str(failure)])
    if module.on_divergence == "stop" or recovery.exhausted:
        state = recovery.put_back(module.changing, joint)
        module.negative_phase.resume_from(state.random)
        raise DivergenceError(
            f"training diverged at step {step}: not finite: {what}{_often(recovery)}; "
            f"{_saved(trainer, state.step)}"
        ) from failure
    schedulers = needed(module.learners.scheduler).schedulers.values()
    state = recovery.go_back(module.changing, joint, schedulers)
    seed_process(torch.initial_seed() + recovery.count, module.global_rank)
    rank_zero_warn(
        f"step {step} was not finite ({what}): training goes on from the state of step "
        f"{state.step}, with {SLOWER:g} times the learning rates and new random numbers "
        f"({recovery.count} of at most {recovery.most} times)"
    )
    for logger in module.loggers:
        logger.log_metrics({"training/rollbacks": float(recovery.count)}, step=step)


def _often(recovery: Recovery) -> str:
    times = f"{recovery.count} rollback" + "s" * (recovery.count > 1)
    return f", after {times}" if recovery.count else ""


def _saved(trainer: L.Trainer, good: int) -> str:
    """Save the state that was put back, and say where and how to go on."""
    callback = trainer.checkpoint_callback
    folder = None if callback is None else getattr(callback, "dirpath", None)
    if folder is None:
        return "nothing is saved, as Trainer asks: train again with a lower learning rate"
    path = Path(folder) / NAME
    trainer.save_checkpoint(path)
    configuration = Path(folder).parent / "config.yaml"
    rate = trainer.optimizers[0].param_groups[0]["lr"] * SLOWER
    way = "trainer.fit(..., ckpt_path=...) of a module with a lower learning rate"
    if configuration.is_file():
        way = (
            f"lightning fit --config {configuration} --ckpt_path {path} "
            f"--model.energy_optimizer.init_args.lr={rate:.3g}"
        )
    return (
        f"the state of step {good} is saved as {path}: resume from it with a lower learning rate, "
        f"a smaller step_size, model.energy_clip or model.difference_penalty, e.g. {way}"
    )

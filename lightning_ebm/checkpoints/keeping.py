"""Lightning's ModelCheckpoint, made fit for runs that are killed and go on in their folder."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path
from typing import Any, NamedTuple
from weakref import proxy

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from lightning_ebm.checkpoints.last_step import ends_after_epoch
from lightning_ebm.checkpoints.writing import copies_files, copy_whole
from lightning_ebm.errors import SettingError
from lightning_ebm.undeclared import undeclared

SHARE = 0.01
"""Of a run's time that goes to saving at the ends of epochs, unless it is told how often."""
PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


class Written(NamedTuple):
    """A file that was written, and where training stood."""

    path: str
    moment: str

    def again(self, path: str, moment: str) -> bool:
        """Whether another file, written at this moment, would be the same."""
        return self.moment == moment and self.path != path


class RunCheckpoint(ModelCheckpoint):
    """ModelCheckpoint whose files lie in one folder, under names that hold no slash of a metric.

    A run that goes on keeps its record, wherever its folder is now and however often it saves,
    and removes what a killed run had replaced and could not remove any more. Where epochs are so
    short that to save at the end of each would take more than a hundredth of the time, those that
    come too soon are passed over; not so if the user says how often, or wants all files, or the
    best ones.
    """

    replaces_files = False
    """Whether files of this name from another run are replaced; else a number is added."""

    replaces_origin = False
    """Whether the checkpoint that the run goes on from is removed in its turn, as any other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - ModelCheckpoint's
        super().__init__(*args, **kwargs)
        self.kept: set[str] = set()
        self.replaced: list[str] = []
        self._written: Written | None = None
        self._named_last = ""
        told = ("every_n_epochs", "every_n_train_steps", "train_time_interval", "monitor")
        told_nothing = all(kwargs.get(name) is None for name in told)
        self._may_pass_over = told_nothing and self.save_top_k != -1
        self._due = -float("inf")
        self._require_filename()

    @property
    def state_key(self) -> str:
        """One name whatever the intervals are, so that these can change on the way."""
        return type(self).__qualname__

    def format_checkpoint_name(
        self,
        metrics: dict[str, Tensor],
        filename: str | None = None,
        ver: int | None = None,
        prefix: str | None = None,
    ) -> str:
        """The path of a checkpoint; `{val/kl:.2f}` becomes `val_kl=0.50`."""
        filename = filename or self.filename or ""
        for name in re.findall(r"\{([^}:]*/[^}:]*)", filename):
            plain = name.replace("/", "_")
            filename = filename.replace("{" + name, "{" + plain)
            if name in metrics:
                metrics = metrics | {plain: metrics[name]}
        return super().format_checkpoint_name(metrics, filename or None, ver, prefix)

    def state_dict(self) -> dict[str, Any]:
        """Also what is about to be removed, now that this checkpoint is there."""
        return super().state_dict() | {"mode": self.mode, "replaced": self.replaced}

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Find the record's files where the run's folder is now."""
        state = checkpoint.get("callbacks", {}).get(self.state_key)
        origin = Path(trainer.ckpt_path or "").absolute().parent
        if state and self.dirpath and origin == Path(self.dirpath).absolute():
            state["dirpath"] = self.dirpath
            for key in PATHS:
                state[key] = self._here(state[key])
            state["best_k_models"] = {self._here(k): v for k, v in state["best_k_models"].items()}
            state["replaced"] = [self._here(path) for path in state["replaced"]]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the record, if it is of this folder; of other figures only the last file."""
        if state_dict["dirpath"] != self.dirpath:
            return
        if (state_dict["monitor"], state_dict["mode"]) == (self.monitor, self.mode):
            super().load_state_dict(state_dict)
        else:
            self.last_model_path = state_dict["last_model_path"]
        self.kept = self._recorded()
        self.replaced = state_dict["replaced"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remove what the killed run would have removed next."""
        super().on_train_start(trainer, pl_module)
        for path in self.replaced:
            if trainer.is_global_zero and path != trainer.ckpt_path:
                Path(path).unlink(missing_ok=True)
        self.replaced = []

    def file_exists(self, filepath: str | Path, trainer: L.Trainer) -> bool:
        """Whether a file must not be replaced; all processes must ask."""
        exists = super().file_exists(filepath, trainer)
        return exists and not self.replaces_files

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """See that validation measures what the best is judged by, if it is to.

        Raises:
            SettingError: if it does not.
        """
        fits = trainer.state.fn == "fit" and not trainer.sanity_checking
        metrics = trainer.callback_metrics
        if fits and (self.monitor or "").startswith("val/") and self.monitor not in metrics:
            raise SettingError(
                f"checkpoint.monitor is '{self.monitor}', which this run does not measure: give "
                f"one of {', '.join(sorted(name for name in metrics if name.startswith('val/')))}"
            )
        super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, but of epochs in a quick row not each; the last always."""
        # The clocks of processes differ, and either all of them save or none.
        early = self._may_pass_over and trainer.strategy.broadcast(time.monotonic() < self._due)
        if early and not ends_after_epoch(trainer):
            return
        begun = time.monotonic()
        super().on_train_epoch_end(trainer, pl_module)
        now = time.monotonic()
        self._due = now + (now - begun) / SHARE

    def _require_filename(self) -> None:
        try:
            self.format_checkpoint_name({"epoch": torch.tensor(0), "step": torch.tensor(0)})
        except (ValueError, KeyError, IndexError) as mistake:
            raise SettingError(
                f"checkpoint.filename is '{self.filename}', no pattern of a name ({mistake}): "
                "write figures as {step} or {val/kl:.2f}"
            ) from mistake

    def _here(self, path: str) -> str:
        return str(Path(self.dirpath or "") / Path(path).name) if path else path

    def _recorded(self) -> set[str]:
        return {self.best_model_path, self.last_model_path, *self.best_k_models} - {""}

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the last step, but of a rehearsal, which Lightning forgets to ask for here."""
        if not undeclared(trainer).fast_dev_run:
            super().on_train_end(trainer, pl_module)

    def _save_last_checkpoint(
        self, trainer: L.Trainer, monitor_candidates: dict[str, Tensor]
    ) -> None:
        """Save under the name of the last: the bytes of the file just written, if there is one."""
        super()._save_last_checkpoint(trainer, monitor_candidates)
        self._written = None

    def _save_checkpoint(self, trainer: L.Trainer, filepath: str) -> None:
        moment, written = _moment(trainer), self._written
        # The record in that file names its last already, unless this is the first of that name.
        named = self._named_last == filepath and copies_files(trainer.strategy, filepath)
        if named and written is not None and written.again(filepath, moment):
            self._save_copy(trainer, written.path, filepath)
        else:
            self._save_anew(trainer, filepath)
        self._written = Written(filepath, moment)
        self._named_last = self.last_model_path
        self.kept.add(filepath)

    def _save_copy(self, trainer: L.Trainer, written: str, filepath: str) -> None:
        if trainer.is_global_zero:
            copy_whole(Path(written), Path(filepath))
        trainer.strategy.barrier("RunCheckpoint")
        self._last_global_step_saved = trainer.global_step
        self._last_checkpoint_saved = filepath
        for logger in trainer.loggers if trainer.is_global_zero else ():
            logger.after_save_checkpoint(proxy(self))

    def _save_anew(self, trainer: L.Trainer, filepath: str) -> None:
        goes = self.kept - self._recorded() - {filepath}
        self.replaced = [] if self.save_top_k == -1 else sorted(goes)
        super()._save_checkpoint(trainer, filepath)

    def _should_remove_checkpoint(self, trainer: L.Trainer, previous: str, current: str) -> bool:
        if self.replaces_origin and previous != current and self.dirpath is not None:
            return Path(self.dirpath).absolute() in Path(previous).absolute().parents
        return super()._should_remove_checkpoint(trainer, previous, current)

    def _remove_checkpoint(self, trainer: L.Trainer, filepath: str) -> None:
        super()._remove_checkpoint(trainer, filepath)
        self.kept.discard(filepath)

    @staticmethod
    def _link_checkpoint(trainer: L.Trainer, filepath: str, linkpath: str) -> None:
        # Lightning removes the old link before it makes the new one: in between there is none.
        if trainer.is_global_zero and os.path.abspath(filepath) != os.path.abspath(linkpath):
            link = Path(linkpath)
            beside = link.with_name(f".{link.name}.{secrets.token_hex(4)}.link")
            beside.symlink_to(os.path.relpath(filepath, link.parent))
            beside.replace(link)
        trainer.strategy.barrier()


def _moment(trainer: L.Trainer) -> str:
    """Where training stands: between two saves of one moment nothing has changed."""
    loop = trainer.fit_loop
    return repr((trainer.global_step, loop.epoch_progress, loop.epoch_loop.batch_progress))

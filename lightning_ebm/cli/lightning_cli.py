"""LightningCLI with this library's module, data, samplers by name and errors in one sentence."""

from __future__ import annotations

import sys
from typing import NoReturn

import lightning as L
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.exceptions import MisconfigurationException

import lightning_ebm.data
import lightning_ebm.energies
import lightning_ebm.evaluation.measures
import lightning_ebm.kernels
import lightning_ebm.plugins
import lightning_ebm.starts  # noqa: F401 - classes that are imported can be named in YAML
from lightning_ebm.callbacks import MetricsFile, ModeWeights, Pictures, SampleFiles
from lightning_ebm.checkpoints import RunCheckpoint
from lightning_ebm.checkpoints.writing import is_full
from lightning_ebm.cli.arguments import class_at
from lightning_ebm.cli.configurations import packaged, resolve
from lightning_ebm.cli.origin import Origin, with_origin
from lightning_ebm.cli.run_place import go_on_in_folder, refuse_occupied, remove_litter
from lightning_ebm.cli.run_settings import RunSettings, plain_settings
from lightning_ebm.cli.sentences import sentence
from lightning_ebm.errors import SettingError
from lightning_ebm.module import EBMLightningModule

TIME_IS_UP = 124
"""The exit status of a fit that `trainer.max_time` ended, as `timeout` gives it."""


def run(args: list[str]) -> None:
    """Parse the arguments and run the subcommand.

    Raises:
        SettingError: if a setting is wrong, with a sentence that says which.
    """
    args, origin = with_origin(resolve(args))
    try:
        EBMCLI(args, origin)
    except ParserError as mistake:
        raise SettingError(sentence(str(mistake), lambda key: class_at(key, args))) from mistake
    except MisconfigurationException as mistake:
        raise SettingError(" ".join(str(mistake).split())) from mistake
    except OSError as failure:
        if not is_full(failure):
            raise
        raise SettingError(
            f"the disk is full ({failure.strerror}): what was saved before is whole; free some "
            "space, then go on with --ckpt_path=last"
        ) from failure


class ParserError(Exception):
    """What the parser has to say of wrong arguments."""


class Parser(LightningArgumentParser):
    """A parser that raises its error in place of printing a page and exiting."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message; parsers of nested values raise theirs to the one around them."""
        if not self.exit_on_error:
            super().error(message, ex)
        raise ParserError(message) from ex


class EBMCLI(LightningCLI):
    """`fit`, `validate`, `test` and `predict` of an `EBMLightningModule` on any data module."""

    def __init__(self, args: list[str], origin: Origin | None = None) -> None:
        self.origin = origin
        self.goes_on = False
        self.metrics_file = MetricsFile()
        super().__init__(
            EBMLightningModule,
            L.LightningDataModule,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            seed_everything_default=0,
            save_config_callback=None,
            parser_class=Parser,
            parser_kwargs={
                "prog": "lightning",
                "description": "Train, test and sample energy-based models. --config takes a "
                f"file or a packaged configuration: {', '.join(packaged())}. "
                "'lightning samplers' lists what --model.sampler can be; "
                "'lightning reproduce' carries out experiments.",
            },
            trainer_defaults={"callbacks": [ModeWeights(), self.metrics_file, SampleFiles()]},
            args=args,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add pictures and checkpoints, each with options of its own."""
        parser.add_lightning_class_args(Pictures, "pictures")
        parser.add_lightning_class_args(RunCheckpoint, "checkpoint")
        # Left to itself it saves after validation alone, and the end of a run would be lost.
        parser.set_defaults(
            {"checkpoint.save_last": True, "checkpoint.save_on_train_epoch_end": True}
        )

        parser.add_argument(
            "--overwrite",
            type=bool,
            default=False,
            help="Let fit replace files of another run, or of later steps of its own.",
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: list[str]) -> None:
        """Parse the arguments given; those of the process are what they were made from."""
        self.config = parser.parse_args(args)

    def _parse_ckpt_path(self) -> None:
        # Lightning would put the checkpoint's settings over the command line's, silently.
        return

    def before_instantiate_classes(self) -> None:
        """Note the settings as they were said, then say where the run lies."""
        config = self.config[self.subcommand]
        self.settings = plain_settings(self._parser(self.subcommand), config)
        self.metrics_file.settings = self.settings
        if self.subcommand != "fit":
            return
        self.trainer_defaults["callbacks"].append(RunSettings(self.settings))
        if self.origin is None:
            return
        reason = None if config.overwrite else self.origin.reason_to_part(self.settings)
        if reason is None:
            self.goes_on = go_on_in_folder(config.trainer, self.origin)
        else:
            rank_zero_info(f"{self.origin.path} is gone on from in a new folder, since {reason}")

    def instantiate_classes(self) -> None:
        """Build everything; what a constructor refuses is a setting that is wrong."""
        try:
            super().instantiate_classes()
        except (SettingError, MisconfigurationException):
            raise
        except (TypeError, ValueError) as mistake:
            raise SettingError(" ".join(str(mistake).split())) from mistake

    def before_predict(self) -> None:
        """Let the module say how many samples to draw; the data module only says what they are."""
        self.datamodule.predict_dataloader = self.model.predict_dataloader

    def before_fit(self) -> None:
        """Leave other runs' files alone, unless told."""
        overwrite = self.config[self.subcommand].overwrite
        if not (self.goes_on or overwrite):
            refuse_occupied(self.trainer)
        remove_litter(self.trainer)
        for callback in self.trainer.checkpoint_callbacks:
            if isinstance(callback, RunCheckpoint):
                callback.replaces_files = overwrite
                callback.replaces_origin = self.goes_on and self.origin.by_word

    def after_fit(self) -> None:
        """Tell a script that waits for the end that the time was up before it."""
        timer = next((c for c in self.trainer.callbacks if isinstance(c, Timer)), None)
        left = None if timer is None else timer.time_remaining()
        if left is None or left > 0 or self._is_done():
            return
        path = self.trainer.checkpoint_callback.last_model_path
        rank_zero_info(
            f"stopped by trainer.max_time={self.config[self.subcommand].trainer.max_time} after "
            f"step {self.trainer.global_step}, saved in {path}: go on with --ckpt_path={path} and "
            "a longer time, which counts what is behind"
        )
        sys.exit(TIME_IS_UP if self.trainer.local_rank == 0 else 0)

    def _is_done(self) -> bool:
        loop = self.trainer.fit_loop
        whole = loop.epoch_loop.batch_progress.is_last_batch
        epochs = loop.epoch_progress.current.completed if whole else -1
        return (
            0 <= self.trainer.max_steps <= self.trainer.global_step
            or 0 <= (loop.max_epochs or -1) <= epochs
        )

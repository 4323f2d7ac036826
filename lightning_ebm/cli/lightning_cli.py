"""LightningCLI with this library's module, data, samplers by name and errors in one sentence."""

from __future__ import annotations

from pathlib import Path

import lightning as L
from jsonargparse import Namespace
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_info

import lightning_ebm.data
import lightning_ebm.energies
import lightning_ebm.evaluation.measures
import lightning_ebm.kernels
import lightning_ebm.starts  # noqa: F401 - classes that are imported can be named in YAML
from lightning_ebm.callbacks import MetricsFile, ModeWeights, Pictures, SampleFiles
from lightning_ebm.checkpoints import RunCheckpoint
from lightning_ebm.checkpoints.writable import require_writable
from lightning_ebm.cli.arguments import class_at, classes_first
from lightning_ebm.cli.checkpoint_option import load_plain_data_only, require_fitting
from lightning_ebm.cli.closed_pipe import lost_reader
from lightning_ebm.cli.configurations import packaged, resolve
from lightning_ebm.cli.cores import require_cores
from lightning_ebm.cli.ending import progress_bar, say_where_all_lies
from lightning_ebm.cli.failures import OtherFailedError, RunFailure
from lightning_ebm.cli.fault_board import FaultBoard
from lightning_ebm.cli.faults import fault_in, refusal
from lightning_ebm.cli.fellow_processes import FellowProcesses
from lightning_ebm.cli.named_samplers import load_samplers
from lightning_ebm.cli.noise import spare_advice_on_workers, without_noise
from lightning_ebm.cli.origin import Origin, with_origin
from lightning_ebm.cli.own_defaults import left_behind, own_defaults
from lightning_ebm.cli.parser import Parser, ParserError
from lightning_ebm.cli.run_place import (
    explain_in_tensorboard,
    go_on_in_folder,
    look_in_folder,
    refuse_barebones,
    refuse_occupied,
    remove_litter,
)
from lightning_ebm.cli.run_settings import RunSettings, plain_settings
from lightning_ebm.cli.sentences import sentence
from lightning_ebm.cli.then_test import run_test
from lightning_ebm.cli.time_limit import end_if_time_is_up
from lightning_ebm.cli.traces import Traces
from lightning_ebm.errors import SettingError
from lightning_ebm.module import EBMLightningModule
from lightning_ebm.needed import needed
from lightning_ebm.ranges import require_count


def run(args: list[str], board: FaultBoard) -> None:
    """Parse the arguments and run the subcommand.

    Args:
        args: arguments after the command's name.
        board: where the processes of the command post that they fail.

    Raises:
        SettingError: if a setting is wrong, with a sentence that says which.
    """
    args, origin = with_origin(resolve(args))
    try:
        with without_noise():
            EBMCLI(args, origin, board)
    except ParserError as mistake:
        raise SettingError(sentence(str(mistake), lambda key: class_at(key, args))) from mistake


class EBMCLI(LightningCLI):
    """`fit`, `validate`, `test` and `predict` of an `EBMLightningModule` on any data module."""

    parser: Parser
    traces: Traces | None = None
    fellows: FellowProcesses | None = None

    def __init__(
        self, args: list[str], origin: Origin | None = None, board: FaultBoard | None = None
    ) -> None:
        self.given = args
        self.origin = origin
        self.board = board or FaultBoard()
        self.goes_on = False
        self.metrics_file = MetricsFile()
        try:
            self._run(args)
        except ParserError:
            raise
        except (Exception, SystemExit) as raised:
            if lost_reader(raised):
                raise
            failure = raised if self.fellows is None else self.fellows.explain(raised)
            if isinstance(failure, OtherFailedError) and self.traces is not None:
                self.traces.remove()
                raise failure from None
            given = {} if self.traces is None else self.config[self.subcommand].trainer.as_dict()
            fault = fault_in(failure, given)
            if fault is None and isinstance(failure, SystemExit):
                raise
            if fault is None:
                raise RunFailure(None if self.traces is None else self.traces.folder) from failure
            if self.traces is not None:
                self.traces.remove()
            if fault is failure:
                raise
            raise fault from failure

    def _run(self, args: list[str]) -> None:
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
                f"file or a packaged configuration: {', '.join(packaged())}.",
            },
            trainer_defaults={"callbacks": [ModeWeights(), self.metrics_file, SampleFiles()]},
            args=args,
        )
        if self.fellows is not None:
            self.fellows.join()

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override] # Lightning has a static one
        """The one that is asked for, or all: to make a parser takes as long as to parse by it."""
        known = super().subcommands()
        asked = self.given[0] if self.given else None
        return {asked: known[asked]} if asked in known else known

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
        parser.add_argument(
            "--then_test",
            type=bool,
            default=False,
            help="Let fit, when it has ended well, test its best checkpoint by "
            "checkpoint.monitor, or else its last, in the same folder.",
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse the arguments given; those of the process are what they were made from."""
        load_samplers(self.given)
        for looking in {"validate", "test"} & self._subcommand_parsers.keys():
            # The report says it, in an order of its own.
            self._parser(looking).set_defaults({"verbose": False})
        with own_defaults() as replaced:
            self.config = parser.parse_args(classes_first(self.given))
        settings = self.config[self.config.subcommand]
        for line in left_behind(replaced, settings):
            rank_zero_info(line)
        seed = settings.get("seed_everything")
        if not isinstance(seed, bool):
            require_count("seed_everything", seed, least=0, most=2**32 - 1)

    def _parse_ckpt_path(self) -> None:
        # Lightning would put the checkpoint's settings over the command line's, silently.
        return

    def before_instantiate_classes(self) -> None:
        """Note the settings as they were said, then say where the run lies."""
        self.parser.make_parts()
        config = self.config[self.subcommand]
        load_plain_data_only(config)
        refuse_barebones(config.trainer)
        self.settings = plain_settings(self._parser(self.subcommand), config)
        self.metrics_file.settings = self.settings
        self.trainer_defaults["callbacks"] += progress_bar(config.trainer)
        self._place(config)
        explain_in_tensorboard(config.trainer)

    def _place(self, config: Namespace) -> None:
        if self.subcommand != "fit":
            predicts = self.subcommand == "predict"
            look_in_folder(config.trainer, needed(self.origin), self.settings, predicts=predicts)
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
        # A plug-in's constructor may raise anything, or exit.
        except (Exception, SystemExit) as mistake:
            fault = refusal(mistake, self.config[self.subcommand].trainer.as_dict())
            if fault is mistake:
                raise
            raise fault from mistake

    def after_instantiate_classes(self) -> None:
        """Note what is on disk, and see that the checkpoint fits, before anything is written."""
        require_cores(self.trainer)
        spare_advice_on_workers(self.datamodule)
        self.traces = Traces(self.trainer)
        self.fellows = FellowProcesses(self.board, self.trainer, self.traces.remove)
        for callback in self.trainer.checkpoint_callbacks if self.subcommand == "fit" else ():
            folder = getattr(callback, "dirpath", None)
            if folder is not None:
                require_writable(Path(folder), "checkpoint.dirpath", folder)
        require_fitting(self.config[self.subcommand], self.model)

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
                origin = self.origin
                callback.replaces_origin = self.goes_on and needed(origin).by_word

    def after_fit(self) -> None:
        """Say where all lies, and if the time was up before the end; test, if told."""
        say_where_all_lies(self.trainer)
        settings = self.config[self.subcommand]
        end_if_time_is_up(self.trainer, settings.trainer.max_time)
        if settings.then_test:
            self._set_seed()
            run_test(self.trainer, self.model, self.datamodule)

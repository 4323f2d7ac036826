"""LightningCLI with this library's module, data, samplers by name and errors in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

import lightning_ebm.data
import lightning_ebm.energies
import lightning_ebm.evaluation.measures
import lightning_ebm.kernels
import lightning_ebm.starts  # noqa: F401 - classes that are imported can be named in YAML
from lightning_ebm.callbacks import MetricsFile, ModeWeights, Pictures, SampleFiles
from lightning_ebm.checkpoints.reading import open_checkpoint, require_file, require_fit
from lightning_ebm.cli.arguments import class_at, mentioned, value_of
from lightning_ebm.cli.configurations import packaged, resolve
from lightning_ebm.cli.failures import RunFailure
from lightning_ebm.cli.faults import fault_in, refusal
from lightning_ebm.cli.sentences import sentence
from lightning_ebm.cli.traces import Traces
from lightning_ebm.errors import SettingError
from lightning_ebm.module import EBMLightningModule
from lightning_ebm.ranges import require_count
from lightning_ebm.registry import named, names_by_word

WORDS = ("last", "best", "hpc", "null")
"""What Lightning takes --ckpt_path for in place of a path."""
LOOKING = ("validate", "test", "predict")


def run(args: list[str]) -> None:
    """Parse the arguments and run the subcommand.

    Raises:
        SettingError: if a setting is wrong, with a sentence that says which.
    """
    args = resolve(args)
    checkpoint = value_of("--ckpt_path", args)
    if checkpoint is not None and checkpoint not in WORDS:
        require_file(checkpoint)
    args = _with_run_configuration(args)
    try:
        EBMCLI(args)
    except ParserError as mistake:
        raise SettingError(sentence(str(mistake), lambda key: class_at(key, args))) from mistake


def _load_samplers(args: list[str]) -> None:
    """Load the registered samplers that the command names, or all where it asks for help."""
    names = names_by_word()
    asks = any(argument in {"-h", "--help"} or ".help" in argument for argument in args)
    for word in names if asks else mentioned(names, args):
        named(names[word])


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

    trainer: L.Trainer | None = None
    traces: Traces | None = None

    def __init__(self, args: list[str]) -> None:
        try:
            self._run(args)
        except ParserError:
            raise
        except Exception as failure:
            given = {} if self.traces is None else self.config[self.subcommand].trainer.as_dict()
            fault = fault_in(failure, given)
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
            # To look at a run is not to write another's settings beside it, or anywhere.
            save_config_callback=None if args[:1] and args[0] in LOOKING else SaveConfigCallback,
            save_config_kwargs={"overwrite": True},
            parser_class=Parser,
            parser_kwargs={
                "prog": "lightning",
                "description": "Train, test and sample energy-based models. --config takes a "
                f"file or a packaged configuration: {', '.join(packaged())}. "
                "'lightning samplers' lists what --model.sampler can be; "
                "'lightning reproduce' carries out experiments.",
            },
            trainer_defaults={"callbacks": [ModeWeights(), MetricsFile(), SampleFiles()]},
            args=args,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add pictures and checkpoints, each with options of its own."""
        parser.add_lightning_class_args(Pictures, "pictures")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        # Left to itself it saves after validation alone, and the end of a run would be lost.
        parser.set_defaults(
            {"checkpoint.save_last": True, "checkpoint.save_on_train_epoch_end": True}
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: list[str]) -> None:
        """Parse the arguments given; those of the process are what they were made from."""
        _load_samplers(args)
        self.config = parser.parse_args(args)
        subcommand = self.config.get("subcommand")
        seed = self.config[subcommand].get("seed_everything")
        if not isinstance(seed, bool):
            require_count("seed_everything", seed, least=0, most=2**32 - 1)

    def before_instantiate_classes(self) -> None:
        """Load checkpoints by the loader of plain data, unless told otherwise in so many words.

        Lightning's own default is another for addresses, and with an environment variable set.
        """
        settings = self.config[self.subcommand]
        if settings.get("weights_only") is False:
            rank_zero_warn(
                "--weights_only=false: the checkpoint may run any code as it is loaded; use it "
                "for files that you have written yourself"
            )
        elif "weights_only" in settings:
            settings["weights_only"] = True

    def _parse_ckpt_path(self) -> None:
        # Lightning would put the checkpoint's settings over the command line's, silently.
        return

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
        self.traces = Traces(self.trainer)
        settings = self.config[self.subcommand]
        path = settings.get("ckpt_path")
        if path is not None and path not in WORDS and settings.get("weights_only", True):
            require_fit(open_checkpoint(path), self.model, path)

    def before_predict(self) -> None:
        """Let the module say how many samples to draw; the data module only says what they are."""
        self.datamodule.predict_dataloader = self.model.predict_dataloader


def _with_run_configuration(args: list[str]) -> list[str]:
    """Arguments with the configuration of the run that a checkpoint belongs to, if none is given.

    Raises:
        SettingError: if a subcommand that looks at a model is given no checkpoint of one.
    """
    if args[:1] == [] or args[0] not in LOOKING or {"-h", "--help"} & set(args):
        return args
    checkpoint = value_of("--ckpt_path", args)
    if any(argument.startswith("--print_config") for argument in args):
        return args
    if checkpoint is None:
        raise SettingError(
            f"lightning {args[0]} needs a trained model: give --ckpt_path=PATH of a checkpoint"
        )
    if value_of("--config", args) or value_of("-c", args):
        return args
    saved = Path(checkpoint).resolve().parent.parent / "config.yaml"
    if not saved.is_file():
        raise SettingError(
            f"no --config is given, and there is no {saved} beside the checkpoint: give the "
            "configuration that the model was trained with"
        )
    return [args[0], f"--config={saved}", *args[1:]]

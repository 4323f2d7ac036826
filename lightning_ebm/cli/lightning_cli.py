"""LightningCLI with this library's module, data, samplers by name and errors in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities.exceptions import MisconfigurationException

import lightning_ebm.data
import lightning_ebm.energies
import lightning_ebm.evaluation.measures
import lightning_ebm.kernels
import lightning_ebm.plugins
import lightning_ebm.starts  # noqa: F401 - classes that are imported can be named in YAML
from lightning_ebm.callbacks import MetricsFile, ModeWeights, Pictures, SampleFiles
from lightning_ebm.cli.arguments import class_at, value_of
from lightning_ebm.cli.configurations import packaged, resolve
from lightning_ebm.cli.sentences import sentence
from lightning_ebm.errors import SettingError
from lightning_ebm.module import EBMLightningModule

LOOKING = ("validate", "test", "predict")


def run(args: list[str]) -> None:
    """Parse the arguments and run the subcommand.

    Raises:
        SettingError: if a setting is wrong, with a sentence that says which.
    """
    args = _with_run_configuration(resolve(args))
    try:
        EBMCLI(args)
    except ParserError as mistake:
        raise SettingError(sentence(str(mistake), lambda key: class_at(key, args))) from mistake
    except MisconfigurationException as mistake:
        raise SettingError(" ".join(str(mistake).split())) from mistake


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

    def __init__(self, args: list[str]) -> None:
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
        self.config = parser.parse_args(args)

    def _parse_ckpt_path(self) -> None:
        # Lightning would put the checkpoint's settings over the command line's, silently.
        return

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
    if checkpoint not in {"last", "best"} and not Path(checkpoint).is_file():
        raise SettingError(
            f"--ckpt_path is '{checkpoint}', which is not a file: give a checkpoint"
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

"""TensorBoard's logger with a page of the run: headings, descriptions, a layout, and hparams."""

from __future__ import annotations

import struct
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from lightning_ebm.callbacks.descriptions import description
from lightning_ebm.callbacks.layout import LOOKED_AT, as_tag, as_tested, layout

COMPARED = ("hparams/nll", "hparams/log_z_gap", "hparams/weight_error")
"""Figures by which hparams compares runs."""


class EBMTensorBoardLogger(TensorBoardLogger):
    """Lightning's TensorBoardLogger, in whose files a run explains itself.

    Figures stand below a few headings, each with its unit and a sentence; custom scalars show the
    charts of those that there are; hparams compares runs by what was found of the model. A test
    that goes on in a run's folder has a heading of its own. With a `prefix` names are the user's,
    and stay as they are.

    Attributes:
        tested_step: of the model that is looked at outside of training; None while it is trained.
        tests: whether that is a test.
    """

    tested_step: int | None = None
    tests: bool = False
    _known: set[str] | None = None

    def look(self, step: int | None, *, tests: bool = False) -> None:
        """Take what is logged from now on for figures of a model of this step.

        Args:
            step: of the model; None where training goes on.
            tests: whether they are those of a test.
        """
        self.tested_step, self.tests = step, tests

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write figures; of one that is new its description too, and the charts anew."""
        if self._prefix:
            super().log_metrics(metrics, step)
            return
        if self.tested_step is not None:
            step = self.tested_step
            # Of this process, which has trained none.
            metrics = {name: value for name, value in metrics.items() if name != "epoch"}
        named = as_tested if self.tests else as_tag
        shown = {named(name): value for name, value in metrics.items()}
        shown |= _compared(shown)
        if self._known is None:
            self._known = set(_tags_in(Path(self.log_dir)))
        new = [tag for tag in shown if tag not in self._known]
        described = {tag: text for tag in new if (text := description(tag)) is not None}
        self._describe(described, step)
        super().log_metrics(shown, step)
        if new:
            self._known.update(new)
            if charts := layout(self._known):
                self.experiment.add_custom_scalars(charts)

    def _describe(self, described: Mapping[str, str], step: int | None) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.scalar.metadata import create_summary_metadata

        for tag, text in described.items():
            # Without a value: TensorBoard's fast loader takes no description of one of the old.
            metadata = create_summary_metadata(display_name=tag, description=text)
            summary = Summary(value=[Summary.Value(tag=tag, metadata=metadata)])
            self.experiment._get_file_writer().add_summary(summary, step)

    @rank_zero_only
    def log_hyperparams(
        self,
        params: dict[str, Any] | Namespace,
        metrics: dict[str, Any] | None = None,
        step: int | None = None,
    ) -> None:
        """Write what was chosen, and by which figures it is compared as they come."""
        super().log_hyperparams(params, metrics or {}, step)
        if metrics is None:
            from torch.utils.tensorboard.summary import hparams

            plain = {
                name: value if isinstance(value, (bool, int, float, str)) else str(value)
                for name, value in self.hparams.items()
            }
            for summary in hparams(plain, dict.fromkeys(COMPARED)):
                self.experiment._get_file_writer().add_summary(summary, step)


def _compared(shown: Mapping[str, float]) -> dict[str, float]:
    """The figures that hparams compares, out of those of a validation or a test."""
    found: dict[str, float] = {}
    for heading in LOOKED_AT:
        figures = {tag.removeprefix(f"{heading}/"): value for tag, value in shown.items()}
        if "nll" in figures:
            found["hparams/nll"] = figures["nll"]
        if {"log_z/upper", "log_z/lower"} <= figures.keys():
            found["hparams/log_z_gap"] = figures["log_z/upper"] - figures["log_z/lower"]
        for kind in ("class", "mode"):
            if f"{kind}_weight_tv" in figures:
                found["hparams/weight_error"] = figures[f"{kind}_weight_tv"]
    return found


def _tags_in(folder: Path) -> Iterator[str]:
    """The tags that a run's files hold, up to where a killed run left one unfinished."""
    from tensorboard.compat.proto.event_pb2 import Event

    for path in folder.glob("events.out.tfevents.*"):
        with path.open("rb") as file:
            # A record is its length, a checksum of that, itself, and a checksum.
            while len(head := file.read(12)) == 12:
                (length,) = struct.unpack("<Q", head[:8])
                record = file.read(length)
                if len(record) < length or len(file.read(4)) < 4:
                    break
                yield from (value.tag for value in Event.FromString(record).summary.value)

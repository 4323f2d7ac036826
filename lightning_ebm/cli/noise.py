"""What Lightning prints and no user can use: adverts, devices that are not there, own debts."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import lightning as L

LOGGERS = ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero")
NOISE = re.compile(
    r"\W*Tip: |(GPU|TPU|HPU) available: False|The following callbacks returned .*: StopSafely$"
)
"""How lines begin that are left out; where there is a GPU, it is said whether it is used."""

OWN_DEBT = r"`isinstance\(treespec, LeafSpec\)` is deprecated"
"""How Lightning is warned by torch."""

FEW_WORKERS = r"The '\w+' does not have many workers"
"""Advice on a setting that this library's data, most of them in memory, do not have."""


@contextmanager
def without_noise() -> Iterator[None]:
    """While it lasts, lines of no use are not printed; all other lines and warnings are."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    for logger in loggers:
        logger.addFilter(_is_of_use)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", OWN_DEBT, FutureWarning)
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(_is_of_use)


def spare_advice_on_workers(data: L.LightningDataModule) -> None:
    """Leave out, within `without_noise`, advice on workers for data that have no such setting."""
    if type(data).__module__.startswith("lightning_ebm."):
        warnings.filterwarnings("ignore", FEW_WORKERS)


def _is_of_use(record: logging.LogRecord) -> bool:
    return NOISE.match(record.getMessage()) is None

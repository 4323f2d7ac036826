"""Settings are written in words, whatever the defaults of somebody's class are."""

from __future__ import annotations

from enum import Enum

import pytest
import yaml
from jsonargparse import Namespace
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.callbacks.timer import Interval

from lightning_ebm.cli.parser import Parser


class Level(Enum):
    """An enumeration that is no word."""

    HIGH = 3


@pytest.mark.parametrize(("member", "word"), [(Interval.step, "step"), (Level.HIGH, "HIGH")])
def test_a_member_of_an_enumeration_is_a_word(member: Enum, word: str) -> None:
    assert yaml.safe_load(yaml.safe_dump({"key": [member]})) == {"key": [word]}


def test_a_timer_can_be_a_setting() -> None:
    """Its interval is said to be a str, and its default is a member of an enumeration."""
    parser = Parser()
    parser.add_subclass_arguments(Timer, "timer")
    path = f"{Timer.__module__}.{Timer.__name__}"
    config = parser.parse_object({"timer": {"class_path": path, "init_args": {"duration": None}}})
    assert isinstance(config, Namespace)
    assert yaml.safe_load(parser.dump(config))["timer"]["init_args"]["interval"] == "step"

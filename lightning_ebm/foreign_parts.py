"""Other libraries' modules in YAML: made with what the user said, not with what was guessed."""

from __future__ import annotations

import inspect
from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.core import saving
from torch import nn

INSTANTIATOR = f"{__name__}.instantiate_module"
"""What a checkpoint names for `load_from_checkpoint` to make a module by."""


class PartsParser(LightningArgumentParser):
    """A parser that also knows modules that hand `**kwargs` on, as all flows of zuko do.

    jsonargparse reads in the source where such arguments go, and gives each the type and default
    that it finds there. Where they go to one of several classes, it finds what not all of them
    take: such defaults are left out, and the class uses its own.
    """

    def add_class_arguments(
        self,
        theclass: type,
        *args: Any,  # noqa: ANN401 - jsonargparse's signature
        **kwargs: Any,  # noqa: ANN401
    ) -> list[str]:
        """Add a class's arguments; those that it hands on have no default."""
        added: list[str] = super().add_class_arguments(theclass, *args, **kwargs)
        own = _own_of_open(theclass)
        if own is not None:
            self.set_defaults({key: None for key in added if key.rsplit(".", 1)[-1] not in own})
        return added

    def make_parts(self) -> None:
        """Make modules without those arguments for which nothing was said."""
        self.add_instantiator(_made, nn.Module)


def instantiate_module(class_type: type[LightningModule], config: dict[str, Any]) -> object:
    """Make a module of the settings in a checkpoint."""
    parser = PartsParser(exit_on_error=False)
    parser.add_class_arguments(class_type, "module", fail_untyped=False)
    parser.make_parts()
    return parser.instantiate_classes(parser.parse_object({"module": config})).module


# Releases of Lightning that keep a list call no other function that a checkpoint names.
allowed: set[str] = getattr(saving, "_ALLOWED_INSTANTIATORS", set())
allowed.add(INSTANTIATOR)


def _made(module: type[nn.Module], *args: Any, **kwargs: Any) -> nn.Module:  # noqa: ANN401
    own = _own_of_open(module)
    if own is not None:
        kwargs = {key: v for key, v in kwargs.items() if key in own or v is not None}
    return module(*args, **kwargs)


def _own_of_open(module: type) -> set[str] | None:
    """Names in the own signature of a module that takes others too; None if it takes none."""
    if not (isinstance(module, type) and issubclass(module, nn.Module)):
        return None
    own = inspect.signature(module).parameters
    is_open = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in own.values())
    return set(own) if is_open else None

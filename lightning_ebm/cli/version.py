"""`lightning --version`: what is installed, by the distributions' metadata."""

from __future__ import annotations

import platform
from importlib.metadata import version

DISTRIBUTIONS = ("lightning-ebm", "torch", "lightning")


def versions() -> str:
    """A line for each of the library, what it stands on, and Python."""
    lines = [f"{name} {version(name)}" for name in DISTRIBUTIONS]
    return "\n".join([*lines, f"Python {platform.python_version()}"])

"""What is in the place of an object of another kind, in words for a refusal."""

from __future__ import annotations


def described(given: object) -> str:
    """Say what was given: `the class MLP`, `a str`."""
    return (
        f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
    )

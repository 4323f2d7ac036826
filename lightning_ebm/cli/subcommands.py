"""The subcommands of `lightning`, and what it says of one that is missing or misspelt."""

from __future__ import annotations

import difflib

TRAINED = ("fit", "validate", "test", "predict")
"""Those that Lightning carries out."""

SUBCOMMANDS = {
    "fit": "train a model",
    "validate": "look at a trained model on the validation data, briefly",
    "test": "say what a trained model is, and how far to believe it: metrics.json",
    "predict": "draw new samples of a trained model: samples.npz, samples.png",
    "samplers": "list the installed samplers, or the settings of one",
    "reproduce": "carry out an experiment on a claim of the poster",
    "init": "write an installable package with a sampler of your own",
    "completion": "print a script for bash, zsh or fish that completes at TAB",
}
"""Names, with a line each."""


def unknown_subcommand(name: str | None) -> str:
    """The sentence for a subcommand that is missing, or that there is none of.

    Args:
        name: as it was given; None if none was.
    """
    *most, last = SUBCOMMANDS
    choice = f"choose {', '.join(most)} or {last}"
    if name is None:
        return f"a subcommand is missing: {choice}"
    close = difflib.get_close_matches(name, SUBCOMMANDS, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    return f"no subcommand is called '{name}'{hint}: {choice}"

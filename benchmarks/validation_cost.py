"""How much validation slows training down, as a ratio measured in one run.

    python benchmarks/validation_cost.py --config two_modes.yaml [settings as for `lightning fit`]

Prints the time in validation over the time in training steps, of the same `fit`.
"""

from __future__ import annotations

import sys

from lightning.pytorch.callbacks import Timer

from lightning_ebm.cli.configurations import resolve
from lightning_ebm.cli.lightning_cli import EBMCLI


class TimedCLI(EBMCLI):
    """The command with a stopwatch for each stage."""

    def before_fit(self) -> None:
        """Start the stopwatch with the trainer."""
        self.timer = Timer()
        self.trainer.callbacks.append(self.timer)


def main(args: list[str]) -> None:
    """Fit, and print the ratio."""
    timer = TimedCLI(resolve(["fit", *args])).timer
    # Lightning's training time goes on while validation runs.
    validation = timer.time_elapsed("validate")
    training = timer.time_elapsed("train") - validation
    print(
        f"training {training:.1f} s, validation {validation:.2f} s: "
        f"ratio {validation / training:.4f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])

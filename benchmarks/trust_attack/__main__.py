"""The trust attack: does `trusted` mean trusted?

    python -m benchmarks.trust_attack [--cases N] [--seed S] [--family F ...] [--json FILE]

300 random cases of (data, model, flow) with known log Z in which a wrong verdict is likely, 100
in which trust is deserved, and 10 that nobody could know. False trust: the verdict is `trusted`
and the truth lies outside the interval, widened by .02 nats. Rightful trust: a case that deserves
it is trusted, and its interval holds the truth. Some ten minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.trust_attack.families import FAMILIES
from benchmarks.trust_attack.report import failures, table, write_json
from benchmarks.trust_attack.trial import Outcome, judge
from lightning_ebm.random_state import isolated


def attack(
    seed: int, families: list[str] | None = None, at_most: int | None = None
) -> Iterator[Outcome]:
    """Judge the cases of families, or of all; of each family at most so many."""
    for name in families or FAMILIES:
        family = FAMILIES[name]
        for index in range(family.size if at_most is None else at_most):
            with isolated():
                yield judge(family.case(index, seed))


def main(arguments: list[str]) -> None:
    """Attack, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, help="cases of each family, not the usual number")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--family", nargs="+", choices=FAMILIES, help="these families alone")
    parser.add_argument("--json", type=Path, default=Path("trust_attack.json"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    outcomes = []
    for outcome in attack(options.seed, options.family, options.cases):
        outcomes.append(outcome)
        print(f"\r{len(outcomes)} {outcome.family:<20}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(table(outcomes), failures(outcomes), sep="\n\n")
    write_json(outcomes, options.seed, options.json)


if __name__ == "__main__":
    main(sys.argv[1:])

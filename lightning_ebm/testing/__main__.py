"""`python -m lightning_ebm.testing NAME`: the kit's verdict on a registered sampler."""

from __future__ import annotations

import argparse
from collections import Counter

from lightning_ebm.registry import find
from lightning_ebm.testing.kit import examine


def main() -> None:
    """Print the report for one seed, or count failures by check over several."""
    parser = argparse.ArgumentParser(prog="python -m lightning_ebm.testing")
    parser.add_argument("sampler", help="a name that `lightning samplers` lists")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds to try")
    chosen = parser.parse_args()
    failures: Counter[str] = Counter()
    warnings: Counter[str] = Counter()
    for seed in range(chosen.seeds):
        report = examine(find(chosen.sampler)(), seed)
        failures.update(finding.check for finding in report.findings if finding.passed is False)
        warnings.update(finding.check for finding in report.warnings)
        if chosen.seeds == 1 or not report.passed:
            print(report)
    print(f"{sum(failures.values())} failures over {chosen.seeds} seeds {dict(failures)}")
    if warnings:
        print(f"{sum(warnings.values())} warnings {dict(warnings)}")
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()

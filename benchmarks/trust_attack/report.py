"""What the attack found: a table by family, the sentences of the failures, all of it as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.trust_attack.families import ATTACK, BEYOND, FAMILIES, RIGHT
from benchmarks.trust_attack.trial import Outcome

COLUMNS = ("family", "cases", "false trust", "right trust", "withheld, right", "withheld, wrong")


def count(outcomes: list[Outcome]) -> dict[str, int]:
    """How often trust was given or withheld where the interval holds the truth, or does not."""
    kinds = {"false trust": (True, False), "right trust": (True, True)}
    kinds |= {"withheld, right": (False, True), "withheld, wrong": (False, False)}
    return {"cases": len(outcomes)} | {
        kind: sum((outcome.trusted, outcome.holds) == answer for outcome in outcomes)
        for kind, answer in kinds.items()
    }


def of_aim(outcomes: list[Outcome], aim: str) -> list[Outcome]:
    """The outcomes of families with one aim."""
    return [outcome for outcome in outcomes if FAMILIES[outcome.family].aim == aim]


def table(outcomes: list[Outcome]) -> str:
    """The counts of each family, and their sums by aim."""
    rows = []
    for aim in (ATTACK, RIGHT, BEYOND):
        chosen = of_aim(outcomes, aim)
        names = list(dict.fromkeys(outcome.family for outcome in chosen))
        parts = {name: [o for o in chosen if o.family == name] for name in names}
        rows += [(name, *count(part).values()) for name, part in parts.items()]
        if chosen:
            rows.append((f"all: {aim}", *count(chosen).values()))
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def failures(outcomes: list[Outcome]) -> str:
    """The verdicts that failed, one a line: false trust, and trust denied to what is right."""
    lines = []
    for title, chosen in (
        ("False trust", [o for o in outcomes if o.trusted and not o.holds]),
        ("Right, but not trusted", [o for o in of_aim(outcomes, RIGHT) if not o.trusted]),
    ):
        lines.append(f"{title}: {len(chosen)}")
        lines += [
            f"  {o.family} {o.index}, d {o.dimension}, {o.held_out} held-out, "
            f"{o.held_out_there} of them where the flow is not, "
            f"off by {o.log_z - o.truth:+.3f}: {o.sentence}"
            for o in chosen
        ]
    return "\n".join(lines)


def write_json(outcomes: list[Outcome], seed: int, path: Path) -> None:
    """Write counts by aim and all outcomes to a file."""
    aims = (ATTACK, RIGHT, BEYOND)
    record = {
        "seed": seed,
        "counts": {aim: count(of_aim(outcomes, aim)) for aim in aims},
        "outcomes": [asdict(outcome) | {"holds": outcome.holds} for outcome in outcomes],
    }
    path.write_text(json.dumps(record, indent=1))

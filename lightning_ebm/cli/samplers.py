"""`lightning samplers`: what the registry holds, and the settings of one."""

from __future__ import annotations

from collections.abc import Sequence

from lightning_ebm.cli.sentence_parser import SentenceParser
from lightning_ebm.errors import SettingError
from lightning_ebm.registry import registered, unknown_name
from lightning_ebm.summaries import Summary, summaries


def describe_samplers(args: list[str]) -> None:
    """Print a line for every registered sampler, or all of one that is named.

    Raises:
        SettingError: if no sampler has that name, or it cannot be used.
    """
    parser = SentenceParser(
        prog="lightning samplers",
        description="List the samplers that installed distributions register under the entry "
        "point group 'lightning_ebm.samplers', or the settings of one. Pick one by "
        "--model.sampler=NAME.",
    )
    parser.add_argument("name", nargs="?", help="the sampler whose settings are wanted")
    name = parser.parse_args(args).name
    print(_list(summaries()) if name is None else _page(name))


def _list(found: list[Summary]) -> str:
    rows = [(s.name, s.distribution, _purpose(s)) for s in found]
    return "\n".join(columns(rows))


def _purpose(summary: Summary) -> str:
    if summary.error is not None:
        return f"cannot be used: {summary.error}"
    return summary.purpose or "no description"


def _page(name: str) -> str:
    entries = registered(name)
    if not entries:
        raise SettingError(unknown_name(name))
    entry = entries[0]
    if entry.sampler is None:
        raise SettingError(f"sampler '{name}' cannot be used: {entry.error}")
    # What reads docstrings is not needed for the list.
    from lightning_ebm.constructor_settings import settings_of
    from lightning_ebm.summaries import first_line

    sampler = entry.sampler
    exact = "exact" if sampler.exact else "biased by design"
    flow = "no flow"
    if sampler.uses_flow:
        flow = "needs a flow, " + ("trains it" if sampler.teaches_flow else "pre-trained")
    settings = settings_of(sampler)
    rows = [(s.name, s.type, s.default, s.meaning) for s in settings]
    given = "".join(f" --model.sampler.init_args.{s.name}=..." for s in settings[:1])
    return "\n".join(
        [
            f"{name}   {entry.target} of {entry.distribution}",
            first_line(sampler.__doc__) or "no description",
            f"{exact}; {flow}",
            "",
            *columns([("setting", "type", "default", ""), *rows] if rows else [("no settings",)]),
            "",
            f"lightning fit --config two_modes.yaml --model.sampler={name}{given}",
        ]
    )


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines whose columns stand below one another, the last as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[-1] = 0
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]

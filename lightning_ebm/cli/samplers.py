"""`lightning samplers`: what the registry holds."""

from __future__ import annotations

from lightning_ebm.cli.sentence_parser import SentenceParser
from lightning_ebm.registry import Entry, registered


def list_samplers(args: list[str]) -> None:
    """Print every registered sampler: class, distribution, description, properties or error."""
    parser = SentenceParser(
        prog="lightning samplers",
        description="List the samplers that installed distributions register under the entry "
        "point group 'lightning_ebm.samplers'. Pick one by --model.sampler=NAME.",
    )
    parser.parse_args(args)
    print("\n\n".join(_describe(entry) for entry in registered()))


def _describe(entry: Entry) -> str:
    lines = [f"{entry.name}", f"    {entry.target}   ({entry.distribution})"]
    if entry.error is not None:
        return "\n".join([*lines, f"    cannot be used: {entry.error}"])
    sampler = entry.sampler
    summary = (sampler.__doc__ or "no description").strip().splitlines()[0]
    exact = "exact" if sampler.exact else "biased by design"
    flow = "no flow"
    if sampler.uses_flow:
        flow = "needs a flow, " + ("trains it" if sampler.teaches_flow else "pre-trained")
    return "\n".join([*lines, f"    {summary}", f"    {exact}; {flow}"])

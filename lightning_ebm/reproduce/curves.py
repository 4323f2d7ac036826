"""Curves of metrics over a label, one line per sampler, with the spread over seeds."""

from __future__ import annotations

from statistics import mean
from typing import NamedTuple

from matplotlib.figure import Figure

from lightning_ebm.reproduce.experiment import Outcome


class Curve(NamedTuple):
    """A metric to draw, the name of its axis, and whether that is logarithmic."""

    metric: str
    name: str
    logarithmic: bool = False


def draw_curves(
    outcomes: list[Outcome], over: str, panels: list[Curve], *, doublings: bool = False
) -> Figure:
    """Draw each metric in a panel of its own: means joined by lines, seeds as dots.

    Args:
        outcomes: runs labelled with `sampler` and `over`.
        over: the label along the horizontal axis.
        panels: what to draw.
        doublings: whether equal steps along the horizontal axis are doublings.
    """
    figure = Figure(figsize=(5 * len(panels), 4), layout="constrained")
    samplers = list(dict.fromkeys(outcome.run.labels["sampler"] for outcome in outcomes))
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, curve in zip(axes, panels, strict=True):
        for k, sampler in enumerate(samplers):
            points = _points(outcomes, sampler, over, curve.metric)
            places = sorted({place for place, _ in points})
            means = [mean(value for at, value in points if at == place) for place in places]
            panel.plot(places, means, color=f"C{k}", label=sampler)
            panel.scatter(
                [at for at, _ in points], [value for _, value in points], color=f"C{k}", s=14
            )
        panel.set(xlabel=over, ylabel=curve.name)
        if curve.logarithmic:
            panel.set_yscale("log")
        if doublings:
            panel.set_xscale("log", base=2)
    panel.legend()
    return figure


def _points(
    outcomes: list[Outcome], sampler: object, over: str, metric: str
) -> list[tuple[float, float]]:
    return [
        (outcome.run.labels[over], outcome.metrics[metric])
        for outcome in outcomes
        if outcome.run.labels["sampler"] == sampler
        and outcome.metrics is not None
        and metric in outcome.metrics
    ]

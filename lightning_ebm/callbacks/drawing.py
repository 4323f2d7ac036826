"""Figures: densities and points in the plane, and grids of images."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lightning_ebm.evaluation.quadrature import evaluate, midpoints


def plane(
    data: Tensor,
    chains: Tensor,
    model: Callable[[Tensor], Tensor],
    flow: Callable[[Tensor], Tensor] | None,
    resolution: int = 160,
) -> Figure:
    """Data, model density, flow density and chains side by side, over the same square.

    Args:
        data: points `(n, 2)`.
        chains: points `(m, 2)`.
        model: unnormalised log-density.
        flow: log-density of the flow, or None.
        resolution: cells per side of the densities.
    """
    low, high = float(data.min()), float(data.max())
    margin = (high - low) / 6
    low, high = low - margin, high + margin
    cells, _ = midpoints(low, high, resolution, data)
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    panels = figure.subplots(1, 3 if flow is None else 4)
    draw_points(panels[0], data, "data")
    draw_density(panels[1], evaluate(model, cells), resolution, (low, high), "model density")
    if flow is not None:
        draw_density(panels[2], evaluate(flow, cells), resolution, (low, high), "flow density")
    draw_points(panels[-1], chains, "chains")
    for panel in panels:
        panel.set(xlim=(low, high), ylim=(low, high), aspect="equal", xticks=[], yticks=[])
    return figure


def image_grids(images: dict[str, Tensor]) -> Figure:
    """Grids of images `(n, channels, height, width)` in [0, 1], side by side under their names."""
    figure = Figure(figsize=(4 * len(images), 4.3), layout="constrained")
    panels = figure.subplots(1, len(images), squeeze=False)[0]
    for panel, (name, batch) in zip(panels, images.items(), strict=True):
        tiles = tile(batch.detach().cpu().float())
        panel.imshow(
            tiles.squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
        )
        panel.set_title(name)
        panel.axis("off")
    return figure


def tile(images: Tensor) -> Tensor:
    """Lay images `(n, c, h, w)` out in a square with gaps, as `(height, width, c)`."""
    n, channels, height, width = images.shape
    columns = int(n**0.5 + 0.999)
    rows = -(-n // columns)
    padded = images.new_zeros(rows * columns, channels, height + 1, width + 1)
    padded[:n, :, :height, :width] = images
    grid = padded.view(rows, columns, channels, height + 1, width + 1)
    return grid.permute(0, 3, 1, 4, 2).reshape(
        rows * (height + 1), columns * (width + 1), channels
    )


def draw_points(panel: Axes, x: Tensor, title: str) -> None:
    """Draw points `(n, 2)` as dots."""
    x = x.detach().cpu().float().numpy()
    panel.scatter(x[:, 0], x[:, 1], s=2, alpha=0.5, linewidths=0)
    panel.set_title(title)


def draw_density(
    panel: Axes, log_density: Tensor, resolution: int, extent: tuple[float, float], title: str
) -> None:
    """Draw log-densities `(resolution²,)` at the cells of a square as a picture."""
    # Scaled to its own peak: a density has no unit that a picture could show.
    picture = (log_density - log_density.max()).exp().view(resolution, resolution).T.cpu().numpy()
    panel.imshow(picture, origin="lower", extent=(*extent, *extent), cmap="viridis")
    panel.set_title(title)

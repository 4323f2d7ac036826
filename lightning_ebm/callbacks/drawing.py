"""Figures: densities and points in the plane, and grids of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lightning_ebm.evaluation.quadrature import evaluate, midpoints

PANEL = 5.0
"""Inches of a panel's side; an inch has 100 pixels."""


def plane(
    points: Mapping[str, Tensor],
    densities: Mapping[str, Callable[[Tensor], Tensor]],
    title: str,
    resolution: int = 160,
) -> Figure:
    """Points and densities in panels over the same square, which the first points fill.

    Args:
        points: sets of points `(n, 2)` by the titles of their panels.
        densities: unnormalised log-densities likewise.
        title: of the figure.
        resolution: cells per side of the densities.
    """
    first = next(iter(points.values()))
    low, high = float(first.min()), float(first.max())
    margin = (high - low) / 6
    low, high = low - margin, high + margin
    cells, _ = midpoints(low, high, resolution, first)
    figure, panels = _panels([*points, *densities], title)
    for name, x in points.items():
        draw_points(panels[name], x, name, size=8)
    for name, density in densities.items():
        draw_density(panels[name], evaluate(density, cells), resolution, (low, high), name)
    for panel in panels.values():
        panel.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    return figure


def image_grids(images: Mapping[str, Tensor], title: str) -> Figure:
    """Grids of images `(n, channels, height, width)` in [0, 1] under their names.

    Args:
        images: by the titles of their panels.
        title: of the figure.
    """
    figure, panels = _panels(list(images), title)
    for name, batch in images.items():
        tiles = tile(batch.detach().cpu().float())
        panels[name].imshow(
            tiles.squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
        )
        panels[name].set_title(name)
        panels[name].axis("off")
    return figure


def _panels(names: Sequence[str], title: str) -> tuple[Figure, dict[str, Axes]]:
    """Panels in rows of two, or one alone: TensorBoard shows a wide figure as a strip."""
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(PANEL * columns, PANEL * rows + 0.4), layout="constrained")
    figure.suptitle(title, fontsize="x-large")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for unused in axes[len(names) :]:
        unused.remove()
    return figure, dict(zip(names, axes, strict=False))


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


def draw_points(panel: Axes, x: Tensor, title: str, size: float = 2) -> None:
    """Draw points `(n, 2)` as dots."""
    points = x.detach().cpu().float().numpy()
    panel.scatter(points[:, 0], points[:, 1], s=size, alpha=0.5, linewidths=0)
    panel.set_title(title)


def draw_density(
    panel: Axes, log_density: Tensor, resolution: int, extent: tuple[float, float], title: str
) -> None:
    """Draw log-densities `(resolution²,)` at the cells of a square as a picture."""
    # Scaled to its own peak: a density has no unit that a picture could show.
    picture = (log_density - log_density.max()).exp().view(resolution, resolution).T.cpu().numpy()
    panel.imshow(picture, origin="lower", extent=(*extent, *extent), cmap="viridis")
    panel.set_title(title)

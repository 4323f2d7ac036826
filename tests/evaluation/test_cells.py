"""Cells tile the plane, whatever the boxes, and their nodes integrate polynomials exactly."""

import math

import pytest
import torch

from lightning_ebm.data import Checkerboard, GaussianMixture, RingOfEight
from lightning_ebm.evaluation.cells import Square, choose, cover, join

NESTED = GaussianMixture([[50.0, -30.0], [50.01, -30.0]], [1.0, 0.001], [1.0, 1.0])


@pytest.mark.parametrize("density", [NESTED, Checkerboard(), RingOfEight()])
def test_cover_and_frame_tile_the_widened_square(density):
    torch.manual_seed(0)
    square = Square.around(density.boxes)
    cells = join(cover(square, density.boxes, 8), square.frame())
    wide = square.widened()
    assert cells.side.prod(1).sum() == pytest.approx(wide.side**2)
    points = wide.low + wide.side * torch.rand(5000, 2, dtype=torch.float64)
    inside = (points[:, None] >= cells.low) & (points[:, None] < cells.low + cells.side)
    assert (inside.all(2).sum(1) == 1).all()
    assert torch.equal(cells.locate(points), inside.all(2).int().argmax(1))
    assert (cells.locate(wide.low - torch.ones(3, 2)) == -1).all()
    assert (cells.side.amax(1) / cells.side.amin(1)).max() <= 2


def test_cells_are_fine_at_every_box_and_coarse_elsewhere():
    square = Square.around(NESTED.boxes)
    cells = cover(square, NESTED.boxes, 8)
    for low, high in NESTED.boxes:
        meets = (cells.low < high) & (cells.low + cells.side > low)
        assert choose(cells, meets.all(1)).side.max() <= 1.01 * (high - low).max() / 3
    assert len(cells.low) < 500


def test_cells_of_a_checkerboard_end_where_its_squares_do():
    board = Checkerboard(squares=5, half_width=1.0)
    cells = cover(Square.around(board.boxes), board.boxes, 8)
    centres = cells.low + cells.side / 2
    to_edge = ((centres + 1) / board.side - 0.5).round() - ((centres + 1) / board.side - 0.5)
    assert ((0.5 - to_edge.abs()) * board.side >= cells.side / 2 - 1e-9).all()


def test_nodes_are_exact_for_degree_seven_and_quarters_follow_points():
    square = Square(torch.tensor([1.0, -2.0], dtype=torch.float64), 2.0)
    cells = cover(square, torch.tensor([[[1.0, -2.0], [3.0, 0.0]]], dtype=torch.float64), 1)
    points, log_weights = cells.nodes()
    found = (log_weights.exp() * points[..., 0] ** 7 * points[..., 1] ** 6).sum()
    exact = (3**8 - 1) / 8 * 2**7 / 7
    assert found == pytest.approx(exact, rel=1e-12)
    points = square.low + square.side * torch.rand(100, 2, dtype=torch.float64)
    home = cells.locate(points)
    quarter = choose(cells, home).quarter_of(points)
    assert torch.equal(cells.quarters().locate(points), 4 * home + quarter)
    assert math.isclose(cells.quarters().side.prod(1).sum(), 4.0)

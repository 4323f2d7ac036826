"""The picture of a ladder, and the paths that it shows."""

import torch
from torch import tensor

from lightning_ebm.tempering import Ladder
from lightning_ebm.tempering.picture import ladder_picture, paths_of


def test_a_path_follows_a_state_from_rung_to_rung():
    # Pairs (0, 1), (1, 2), (0, 1) of three rungs swap in turn.
    orders = [tensor([1, 0, 2]), tensor([0, 2, 1]), tensor([1, 0, 2])]
    paths = paths_of(orders)
    assert ([0, 1, 2, 3], [0, 1, 2, 2]) in paths
    assert ([0, 1, 2, 3], [2, 2, 1, 0]) in paths
    assert all(rungs[0] == 0 for times, rungs in paths if times[0] > 0)


def test_a_ladder_that_grew_has_no_paths_across():
    assert paths_of([tensor([1, 0]), tensor([1, 0, 2])]) == []


def test_it_is_drawn():
    ladder = Ladder(3)
    ladder.observe(torch.tensor([0.3, 0.2]))
    figure = ladder_picture(ladder, [tensor([1, 0, 2]), tensor([0, 2, 1])] * 10)
    left, right = figure.axes
    assert left.get_title() == "barrier 0.50, 3 rungs"
    assert len(right.lines) > 5
    figure.canvas.draw()

"""The ladder: where it puts its rungs, when, and what it keeps."""

import pytest
import torch

from lightning_ebm.errors import SettingError
from lightning_ebm.tempering import Ladder


def true_rejections(ladder: Ladder) -> torch.Tensor:
    """Those of a path whose barrier up to β is √β, so that nearly all of it is at low β."""
    return ladder.betas.sqrt().diff()


def test_rungs_come_to_stand_at_equal_rejection():
    ladder = Ladder(6)
    for _ in range(400):
        ladder.observe(true_rejections(ladder))
    assert torch.allclose(ladder.betas.sqrt(), torch.linspace(0, 1, 6).double(), atol=0.02)
    assert float(ladder.barrier) == pytest.approx(1.0, abs=0.02)


def test_rungs_are_added_until_the_rejection_is_under_the_bound():
    ladder = Ladder(3, max_rejection=0.11)
    for _ in range(400):
        ladder.observe(true_rejections(ladder))
    assert len(ladder) == 11
    assert true_rejections(ladder).max() < 0.12


def test_in_eval_mode_it_stands_still():
    ladder = Ladder(4).eval()
    before = ladder.betas.clone()
    for _ in range(30):
        ladder.observe(torch.tensor([0.9, 0.1, 0.1]))
    assert torch.equal(ladder.betas, before)
    assert ladder.observed == 0


def test_what_no_sweep_proposed_is_not_learned_from():
    ladder = Ladder(3)
    ladder.observe(torch.tensor([0.4, 0.2]))
    ladder.observe(torch.tensor([float("nan"), 0.2]))
    assert torch.allclose(ladder.rejections, torch.tensor([0.4, 0.2]).double())


def test_it_goes_on_from_what_it_saved():
    ladder, other = Ladder(3, max_rejection=0.1), Ladder(3)
    for _ in range(50):
        ladder.observe(true_rejections(ladder))
    other.load_state_dict(ladder.state_dict())
    assert torch.equal(other.betas, ladder.betas)
    assert torch.equal(other.rejections, ladder.rejections)
    assert other.observed == ladder.observed


@pytest.mark.parametrize("settings", [{"n_rungs": 1}, {"max_rejection": 1.5}])
def test_what_makes_no_ladder_is_refused(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        Ladder(**settings)

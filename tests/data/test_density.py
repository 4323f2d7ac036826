"""Known densities: draws, value, box and modes all tell of one and the same distribution."""

import math

import pytest
import torch
from scipy.stats import chisquare, norm
from torch.testing import assert_close

from lightning_ebm.data import (
    Checkerboard,
    Density,
    FourModes,
    GaussianMixture,
    KnownDensity,
    Moons,
    RingOfEight,
    Rings,
    TwoModes,
)

DENSITIES = {
    "mixture": lambda: GaussianMixture([[0.0, 1.0], [2.0, -1.0]], [0.5, 1.0], [1.0, 3.0]),
    "two modes": TwoModes,
    "four modes": FourModes,
    "ring of eight": RingOfEight,
    "moons": Moons,
    "moons, sharp": lambda: Moons(radius=1.0, scale=0.1, weight=0.5),
    "rings": Rings,
    "rings, through the origin": lambda: Rings(radii=(0.3, 1.5, 3.0), scale=0.3),
    "checkerboard": Checkerboard,
    "checkerboard, odd": lambda: Checkerboard(squares=5, half_width=1.0),
}
CELLS = 200
# Two components of the first lie on each other, so that a point does not tell its mode.
SEPARATE = {name: build for name, build in DENSITIES.items() if name != "mixture"}


@pytest.fixture(params=DENSITIES.values(), ids=DENSITIES.keys())
def density(request):
    torch.manual_seed(0)
    return request.param()


def grid(density):
    """Midpoints of a grid over the box, and the area of one cell."""
    lo, hi = density.box
    width = (hi - lo) / CELLS
    axis = lo + width * (torch.arange(CELLS, dtype=torch.float64) + 0.5)
    return torch.cartesian_prod(axis, axis), width**2


def test_density_integrates_to_one_over_the_box(density):
    x, area = grid(density)
    # A grid finds the pole hard that a ring through the origin has there.
    has_pole = isinstance(density, Rings) and min(density.radii) < 5 * density.scale
    tolerance = 5e-3 if has_pole else 1e-6
    assert_close(density.log_prob(x).exp().sum().item() * area, 1.0, rtol=0, atol=tolerance)


def test_mean_log_density_of_draws_is_the_negative_entropy(density):
    x, area = grid(density)
    log_prob = density.log_prob(x)
    negative_entropy = torch.where(log_prob > -math.inf, log_prob * log_prob.exp(), 0).sum() * area
    drawn = density.log_prob(density.sample(20_000).double())
    standard_error = drawn.std().item() / math.sqrt(len(drawn))
    difference = abs(drawn.mean() - negative_entropy).item()
    assert difference < 4 * standard_error + 5e-3


def test_draws_fill_a_histogram_as_the_density_says(density):
    x, area = grid(density)
    bins = 8
    mass = (density.log_prob(x).exp() * area).reshape(bins, CELLS // bins, bins, -1).sum((1, 3))
    lo, hi = density.box
    points = density.sample(20_000).double()
    cells = ((points - lo) / (hi - lo) * bins).long()
    counts = torch.zeros(bins, bins).index_put_(
        (cells[:, 0], cells[:, 1]), torch.ones(()), accumulate=True
    )
    large = mass > 5e-4
    expected = torch.cat([mass[large], mass[~large].sum()[None] + 1e-4])
    observed = torch.cat([counts[large], counts[~large].sum()[None] + 2])
    # The last bin gathers the rare ones, padded so that it is never empty.
    expected = expected / expected.sum() * observed.sum()
    assert chisquare(observed, expected).pvalue > 1e-3


@pytest.mark.parametrize("build", SEPARATE.values(), ids=SEPARATE.keys())
def test_draws_have_the_mode_weights(build):
    torch.manual_seed(0)
    density = build()
    modes = density.responsibilities(density.sample(20_000)).argmax(dim=1)
    counts = torch.bincount(modes, minlength=len(density.mode_weights)).double()
    weights = density.mode_weights.double()
    # Rings and moons touch, but by less than 20,000 draws can tell at a p-value of 1e-3.
    assert chisquare(counts, weights / weights.sum() * counts.sum()).pvalue > 1e-3


def test_responsibilities_are_probabilities_that_average_to_the_weights(density):
    responsibilities = density.responsibilities(density.sample(20_000))
    assert responsibilities.shape == (20_000, len(density.mode_weights))
    assert_close(responsibilities.sum(dim=1), torch.ones(20_000))
    assert_close(density.mode_weights.sum(), torch.ones(()))
    assert_close(responsibilities.mean(dim=0), density.mode_weights, rtol=0, atol=0.015)


def test_single_and_double_precision_agree(density):
    x = density.sample(500)
    assert density.log_prob(x).dtype == torch.float32
    assert density.log_prob(x.double()).dtype == torch.float64
    assert_close(density.log_prob(x).double(), density.log_prob(x.double()), rtol=1e-3, atol=1e-3)


def test_box_holds_the_draws(density):
    lo, hi = density.box
    x = density.sample(20_000)
    assert x.shape == (20_000, *density.event_shape)
    assert lo < x.min() < x.max() < hi


def test_boxes_hold_the_draws_and_lie_within_the_box(density):
    low, high = density.boxes.unbind(1)
    assert low.shape == high.shape == (len(low), *density.event_shape)
    assert (low < high).all()
    lo, hi = density.box
    assert lo <= low.min()
    assert high.max() <= hi
    x = density.sample(20_000).double()[:, None]
    assert ((low <= x) & (x <= high)).all(2).any(1).all()


def test_boxes_of_a_mixture_follow_its_components():
    mixture = GaussianMixture([[50.0, -30.0], [0.0, 1.0]], [0.01, 2.0], [0.5, 0.5])
    expected = [[[49.94, -30.06], [50.06, -29.94]], [[-12.0, -11.0], [12.0, 13.0]]]
    assert_close(mixture.boxes, torch.tensor(expected, dtype=torch.float64))
    assert mixture.box == pytest.approx((-30.06, 50.06))


def test_a_density_that_names_no_boxes_has_one():
    class Disc(Checkerboard):
        box = (-2.0, 3.0)
        boxes = Density.boxes

    expected = [[[-2.0, -2.0], [3.0, 3.0]]]
    assert_close(Disc().boxes, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize(
    ("density", "weights", "places"),
    [
        (TwoModes(), [0.2, 0.8], [(-4, 0), (4, 0)]),
        (FourModes(), [0.1, 0.2, 0.3, 0.4], [(-3, -3), (3, -3), (-3, 3), (3, 3)]),
        (Moons(), [0.3, 0.7], [(-1, 1.5), (1, -1.5)]),
        (Rings(), [0.2, 0.3, 0.5], [(0, 1), (-2.5, 0), (4, 0)]),
    ],
)
def test_named_densities_have_their_modes_in_their_places(density, weights, places):
    assert_close(density.mode_weights, torch.tensor(weights))
    modes = density.responsibilities(torch.tensor(places, dtype=torch.float32))
    assert_close(modes, torch.eye(len(places)), rtol=0, atol=1e-3)


def test_weights_of_the_ring_grow_counter_clockwise():
    ring = RingOfEight()
    assert_close(ring.mode_weights, torch.arange(1.0, 9.0) / 36)
    assert_close(torch.tensor(ring.means[2]), torch.tensor([0.0, 4.0]), rtol=0, atol=1e-6)


def test_checkerboard_draws_never_fall_off_the_squares():
    board = Checkerboard()
    x = board.sample(200_000)
    assert board.log_prob(x).isfinite().all()
    assert board.log_prob(torch.tensor([[-3.9, -1.9], [-4.1, -3.0]])).isneginf().all()


def test_moons_are_what_a_fine_sum_over_the_arc_says():
    moons = Moons()
    x = (torch.rand(200, 2, dtype=torch.float64) - 0.5) * 9
    angles = torch.linspace(0, math.pi, 10_001, dtype=torch.float64)
    simpson = torch.tensor([1.0, *[4.0, 2.0] * 4_999, 4.0, 1.0], dtype=torch.float64) / 30_000
    for sign, mode in ((1, 0), (-1, 1)):
        arc = sign * torch.stack([2 * angles.cos() - 1, 2 * angles.sin() - 0.5], dim=1)
        squared = torch.cdist(x, arc, compute_mode="donot_use_mm_for_euclid_dist").square()
        fine = (simpson.log() - squared / 0.08).logsumexp(dim=1) - math.log(0.08 * math.pi)
        assert_close(moons.component_log_prob(x)[:, mode], fine, rtol=0, atol=1e-6)


def test_gaussian_mixture_in_three_dimensions_is_that_of_scipy():
    mixture = GaussianMixture([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]], [0.5, 2.0], [0.25, 0.75])
    x = torch.randn(50, 3, dtype=torch.float64)
    first, second = (
        torch.from_numpy(norm(mean, scale).pdf(x.numpy()).prod(axis=1))
        for mean, scale in (([0.0, 1.0, 2.0], 0.5), ([1.0, 1.0, 1.0], 2.0))
    )
    assert mixture.event_shape == (3,)
    assert_close(mixture.log_prob(x), (0.25 * first + 0.75 * second).log())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GaussianMixture([[0.0]], [1.0, 2.0], [1.0]), "means, scales, weights: 1, 2"),
        (lambda: GaussianMixture([[0.0], [0.0, 1.0]], [1.0] * 2, [1.0] * 2), "one dimension"),
        (lambda: GaussianMixture([[0.0]], [-1.0], [1.0]), "scales: -1.0 is not a positive"),
        (lambda: TwoModes(weight=1.0), "weight: 1.0 is no probability"),
        (lambda: Rings(weights=(1.0, 0.0, 1.0)), "weights: 0.0 is not a positive"),
        (lambda: Moons(scale=math.nan), "scale: nan is not a positive"),
        (lambda: Checkerboard(squares=0), "squares is 0"),
        (lambda: KnownDensity(TwoModes(), train_size=0), "train_size is 0"),
    ],
)
def test_bad_settings_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def known(**changes):
    data = KnownDensity(TwoModes(), train_size=100, test_size=50, batch_size=32, **changes)
    data.setup()
    return data


def test_known_sets_are_a_function_of_the_seed_alone():
    state = torch.get_rng_state()
    first = list(known().test_dataloader())
    assert torch.equal(torch.get_rng_state(), state)
    torch.randn(10)
    second, other = list(known().test_dataloader()), list(known(seed=1).test_dataloader())
    assert [x.shape for x in first] == [(32, 2), (18, 2)]
    assert_close(first, second)
    assert not torch.equal(first[0], other[0])


def test_known_sets_differ_from_one_another_and_from_a_seeded_stream():
    data = known()
    train = data.train_dataloader().dataset[list(range(50))]
    validation, test = (
        torch.cat(list(loader)) for loader in (data.val_dataloader(), data.test_dataloader())
    )
    torch.manual_seed(0)
    stream = TwoModes().sample(50)
    for a, b in ((train, validation), (validation, test), (train, test), (train, stream)):
        assert not torch.equal(a, b)


def test_known_training_batches_are_full_and_shuffled_by_the_global_stream():
    loader = known().train_dataloader()
    torch.manual_seed(0)
    first, second = list(loader), list(loader)
    assert [x.shape for x in first] == [(32, 2)] * 3
    assert first[0].dtype == torch.float32
    assert not torch.equal(first[0], second[0])
    torch.manual_seed(0)
    assert_close(list(loader), first)


def test_looking_at_the_evaluation_sets_leaves_the_global_stream_alone():
    data = known()
    state = torch.get_rng_state()
    for loader in (data.val_dataloader(), data.test_dataloader()):
        list(loader)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_batch_larger_than_the_training_set_is_refused():
    data = KnownDensity(TwoModes(), train_size=10, batch_size=11)
    data.setup()
    with pytest.raises(ValueError, match=r"batch_size: 11 is out of range.*give 1 to 10"):
        data.train_dataloader()
    with pytest.raises(ValueError, match="seed is -1"):
        KnownDensity(TwoModes(), seed=-1).setup()

"""Image data: exact class weights, fresh noise in training, fixed noise in evaluation."""

import sys

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.testing import assert_close

from lightning_ebm.data import Digits
from lightning_ebm.data.class_weights import most_in_proportion, share_out


def digits(**changes):
    data = Digits(**{"batch_size": 50, **changes})
    data.setup()
    return data


def everything(loader):
    images, labels = zip(*loader, strict=True)
    return torch.cat(images), torch.cat(labels)


def test_batches_are_images_and_labels():
    data = digits()
    x, labels = next(iter(data.train_dataloader()))
    assert data.event_shape == (1, 8, 8)
    assert x.shape == (50, 1, 8, 8)
    assert (x.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert labels.shape == (50,)
    assert -1 < x.min() < x.max() < 1
    assert len(everything(data.test_dataloader())[1]) == 297


@pytest.mark.parametrize(
    ("available", "weights", "kept"),
    [
        ([100, 100], [0.2, 0.8], [25, 100]),
        ([500, 10_000], [0.1, 0.9], [500, 4500]),
        ([7, 7, 7], [1.0, 1.0, 1.0], [7, 7, 7]),
        ([10, 10, 10], [1.0, 2.0, 4.0], [2, 5, 10]),
    ],
)
def test_as_many_as_the_weights_allow(available, weights, kept):
    assert most_in_proportion(available, weights) == kept


def test_shares_add_up_and_are_within_one_of_the_quota():
    for total in range(30):
        shares = share_out(total, [3, 5, 9])
        assert sum(shares) == total
        assert all(
            abs(share - total * weight / 17) < 1
            for share, weight in zip(shares, [3, 5, 9], strict=True)
        )


def test_class_weights_hold_in_all_three_sets():
    data = digits(classes=[3, 1], class_weights=[1, 4], validation_size=30, batch_size=1)
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    for loader in loaders:
        labels = everything(loader)[1]
        assert set(labels.tolist()) == {1, 3}
        assert abs((labels == 3).sum() - len(labels) / 5) < 1.01
    assert data.kept_classes == [3, 1]
    train = everything(loaders[0])[1]
    assert_close(
        data.class_proportions, torch.tensor([(train == k).float().mean() for k in (3, 1)])
    )
    assert len(everything(loaders[1])[1]) == 30
    # All the ones there are but for rounding: in training and validation together.
    labels = data.read()[0].labels
    assert (labels == 1).sum() - 1 <= (train == 1).sum() + 24 <= (labels == 1).sum()


def test_validation_images_are_not_trained_on():
    data = digits(validation_size=200, noise=0.0, batch_size=1)
    levels = [
        {tuple((data.to_images(x) * 17).floor().int().flatten().tolist()) for x in images}
        for images in (
            everything(data.train_dataloader())[0],
            everything(data.val_dataloader())[0],
        )
    ]
    assert [len(part) for part in levels] == [1300, 200]
    assert not levels[0] & levels[1]


@pytest.mark.parametrize("space", ["symmetric", "logit"])
def test_training_noise_is_fresh_and_evaluation_noise_is_fixed(space):
    data = digits(validation_size=50, space=space, noise=0.1)
    train = data.train_dataloader().dataset
    assert not torch.equal(train[[0, 1]][0], train[[0, 1]][0])
    again = digits(validation_size=50, space=space, noise=0.1)
    other = digits(validation_size=50, space=space, noise=0.1, seed=1)
    for loader in ("val_dataloader", "test_dataloader"):
        x, same, different = (
            everything(getattr(module, loader)())[0] for module in (data, again, other)
        )
        assert torch.equal(x, everything(getattr(data, loader)())[0])
        assert torch.equal(x, same)
        assert not torch.equal(x, different)


def test_the_same_global_seed_gives_the_same_training_batches():
    data, again = digits(), digits()
    torch.manual_seed(3)
    first = next(iter(data.train_dataloader()))
    torch.manual_seed(3)
    assert_close(next(iter(again.train_dataloader())), first, rtol=0, atol=0)


def test_setting_up_and_evaluating_leave_the_global_stream_alone():
    state = torch.get_rng_state()
    data = digits(validation_size=50, noise=0.1, class_weights=[1] * 10)
    for loader in (data.val_dataloader(), data.test_dataloader()):
        list(loader)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("space", ["symmetric", "logit"])
def test_pictures_show_the_pixels(space):
    data = digits(space=space)
    pixels = data.read()[1].pixels[:, None]
    pictures = data.to_images(everything(data.test_dataloader())[0])
    assert pictures.shape == (297, 1, 8, 8)
    assert_close(pictures, (pixels + 0.5) / 17, rtol=0, atol=0.5 / 17 + 1e-5)
    assert data.to_images(torch.full((1, 1, 8, 8), 99.0)).max() == 1


def test_noise_is_added_in_the_space_of_the_model():
    quiet, noisy = (everything(digits(noise=noise).test_dataloader())[0] for noise in (0.0, 0.3))
    assert_close((noisy - quiet).std().item(), 0.3, rtol=0.02, atol=0)


class _Counting(LightningModule):
    """Counts its batches, and learns nothing."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = {"train": 0, "val": 0}

    def training_step(self, batch, index):
        self.seen["train"] += len(batch[1])
        return (batch[0] * self.weight).mean()

    def validation_step(self, batch, index):
        self.seen["val"] += len(batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers")
@pytest.mark.filterwarnings("ignore:Total length of `DataLoader` across ranks is zero")
@pytest.mark.parametrize("validation_size", [0, 120])
def test_lightning_trains_on_it(validation_size, tmp_path):
    module = _Counting()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, datamodule=Digits(batch_size=50, validation_size=validation_size))
    assert module.seen == {"train": (1500 - validation_size) // 50 * 50, "val": validation_size}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "cubic"}, "space: 'cubic' is unknown"),
        ({"noise": -1.0}, "noise: -1.0 is no standard deviation"),
        ({"validation_size": -1}, "validation_size is -1"),
        ({"validation_size": 1500}, "validation_size: 1500 leaves nothing.*less than 1500"),
        ({"classes": [1, 10]}, r"classes: 10 has no items; choose from \[0, 1"),
        ({"classes": [1, 1]}, r"classes: \[1, 1\] is not a list of different"),
        ({"class_weights": [1.0]}, "class_weights: 1 weights for 10 classes"),
        ({"classes": [0, 1], "class_weights": [1.0, 0.0]}, "class_weights: .* not all positive"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        digits(**changes)


def test_the_shape_is_not_known_before_the_images_are_read():
    with pytest.raises(RuntimeError, match="call setup first"):
        Digits().event_shape  # noqa: B018


def test_without_scikit_learn_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'lightning-ebm\[digits\]'"):
        digits()

"""A user's own files: each kind is read alike, split, scaled, and refused in a sentence."""

import re

import numpy
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch.testing import assert_close

from lightning_ebm.callbacks import SampleFiles
from lightning_ebm.data import FromFile, FromHuggingFace, ImageFolder, OwnData
from lightning_ebm.errors import SettingError
from lightning_ebm.transforms import bits_per_dimension

N = 60
POINTS = numpy.random.default_rng(0).normal([5.0, -1.0], [3.0, 0.1], (N, 2))
WORDS = numpy.array(["cat", "dog", "dog"] * (N // 3))
NUMBERS = numpy.array([7, 3, 3] * (N // 3))


def csv(path, rows, *heads):
    lines = [",".join(heads)] if heads else []
    path.write_text("\n".join([*lines, *(",".join(map(str, row)) for row in rows)]) + "\n")


def table(labels):
    rows = zip(*POINTS.T.tolist(), labels.tolist(), strict=True)
    return list(rows)


def parquet(path, columns):
    import pyarrow
    from pyarrow import parquet as files

    files.write_table(pyarrow.table(columns), path)


def hugging_face(path, columns, **parts):
    import datasets

    every = datasets.Dataset.from_dict(columns)
    made = datasets.DatasetDict({"train": every, **parts}) if parts else every
    made.save_to_disk(str(path))


COLUMNS = {"a": POINTS[:, 0].tolist(), "b": POINTS[:, 1].tolist(), "kind": WORDS.tolist()}
TENSORS = {"x": torch.tensor(POINTS), "y": torch.tensor(NUMBERS)}

WRITERS = {
    # What is written at a path; settings to read it by; the labels in it.
    "npy": (lambda p: numpy.save(p, POINTS), {}, None),
    "npy of float32": (lambda p: numpy.save(p, POINTS.astype("f4")), {}, None),
    "npz": (lambda p: numpy.savez(p, x=POINTS), {}, None),
    "npz with labels": (
        lambda p: numpy.savez(p, x=POINTS, y=WORDS, z=POINTS),
        {"array": "x", "labels": "y"},
        WORDS,
    ),
    "pt": (lambda p: torch.save(torch.tensor(POINTS), p), {}, None),
    "pt with labels": (lambda p: torch.save(TENSORS, p), {"labels": "y"}, NUMBERS),
    "csv": (lambda p: csv(p, POINTS.tolist(), "a", "b"), {}, None),
    "csv without header": (lambda p: csv(p, POINTS.tolist()), {"header": False}, None),
    "csv with labels": (
        lambda p: csv(p, table(WORDS), "a", "b", "kind"),
        {"labels": "kind"},
        WORDS,
    ),
    "csv by places": (
        lambda p: csv(p, table(NUMBERS)),
        {"header": False, "columns": [0, 1], "labels": 2},
        NUMBERS,
    ),
    "csv by names": (
        lambda p: csv(p, [(*row, "x") for row in table(WORDS)], "a", "b", "kind", "note"),
        {"columns": ["a", "b"], "labels": "kind"},
        WORDS,
    ),
    "parquet": (lambda p: parquet(p, COLUMNS), {"labels": "kind"}, WORDS),
    "parquet of arrays": (lambda p: parquet(p, {"x": POINTS.tolist()}), {}, None),
    "hf": (lambda p: hugging_face(p, COLUMNS), {"labels": "kind"}, WORDS),
    "hf of arrays": (lambda p: hugging_face(p, {"x": POINTS.tolist()}), {}, None),
}


def written(name, tmp_path):
    """Write the points as a case of the table says, and make what reads them."""
    write, settings, labels = WRITERS[name]
    kind = name.split()[0]
    if kind in {"parquet", "hf"}:
        pytest.importorskip("pyarrow" if kind == "parquet" else "datasets")
    path = tmp_path / f"points.{kind}"
    write(path)
    reader = FromHuggingFace if kind == "hf" else FromFile
    return lambda **more: reader(
        **{"path": str(path), "batch_size": 6, **settings, **more}
    ), labels


def together(loader):
    batches = list(loader)
    if isinstance(batches[0], torch.Tensor):
        return torch.cat(batches), None
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


def sets(data):
    """All three sets; the training items as they are stored."""
    data.setup()
    train = data.train_dataloader().dataset
    everything = train[list(range(len(train)))]
    x, labels = (everything, None) if isinstance(everything, torch.Tensor) else everything
    return [(x, labels), together(data.val_dataloader()), together(data.test_dataloader())]


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_gives_the_same_points(name, tmp_path):
    make, labels = written(name, tmp_path)
    data = make(validation_share=0.2, test_share=0.3)
    parts = sets(data)
    assert data.event_shape == (2,)
    assert [len(x) for x, _ in parts] == [30, 12, 18]
    x = torch.cat([x for x, _ in parts])
    assert x.dtype == torch.float32
    order = x[:, 0].argsort()
    expected = torch.tensor(POINTS).float()
    place = expected[:, 0].argsort()
    assert_close(x[order], expected[place])
    if labels is None:
        assert data.kept_classes == []
        return
    found = torch.cat([labels for _, labels in parts])[order]
    names = [data.class_names[k] if data.class_names else k for k in found.tolist()]
    assert names == labels[place].tolist()
    assert data.kept_classes == sorted(set(labels.tolist()))
    # As in the file, in each of the three.
    for _, part in parts:
        assert (part == part.mode().values).float().mean() == pytest.approx(2 / 3, abs=0.03)
    assert data.class_proportions.tolist() == pytest.approx(
        [1 / 3, 2 / 3] if labels is WORDS else [2 / 3, 1 / 3]
    )
    points, places = data.labelled_points(1000)
    assert points.shape == (30, 2)
    assert places.bincount().float().div(30).tolist() == data.class_proportions.tolist()


def test_the_split_and_its_noise_are_functions_of_the_seed_alone(tmp_path):
    make, _ = written("npz with labels", tmp_path)
    state = torch.get_rng_state()
    first = together(make_ready(make(noise=0.1)).test_dataloader())
    assert torch.equal(torch.get_rng_state(), state)
    torch.randn(3)
    again = together(make_ready(make(noise=0.1)).test_dataloader())
    other = together(make_ready(make(noise=0.1, seed=1)).test_dataloader())
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])


def make_ready(data):
    data.setup()
    return data


def test_each_set_may_have_its_own_file(tmp_path):
    for k, name in enumerate(("train", "validation", "test")):
        numpy.savez(tmp_path / f"{name}.npz", x=POINTS[20 * k : 20 * (k + 1)], y=WORDS[:20])
    data = FromFile(
        str(tmp_path / "train.npz"),
        labels="y",
        validation_path=str(tmp_path / "validation.npz"),
        test_path=str(tmp_path / "test.npz"),
        classes=["dog", "cat"],
        class_weights=[1.0, 1.0],
        batch_size=4,
    )
    parts = sets(data)
    # Of 7 cats and 13 dogs.
    assert [len(x) for x, _ in parts] == [14, 14, 14]
    for (x, labels), start in zip(parts, (0, 20, 40), strict=True):
        assert labels.bincount().tolist() == [7, 7]
        among = torch.tensor(POINTS[start : start + 20]).float()
        assert (x[:, None] == among).all(2).any(1).all()
    assert data.kept_classes == ["dog", "cat"]


@pytest.mark.parametrize("scaling", ["none", "standardise", "range"])
def test_scaling_is_fitted_to_training_items_and_told_of_in_the_likelihood(scaling, tmp_path):
    make, _ = written("npy", tmp_path)
    data = make(scaling=scaling)
    (x, _), _, (held_out, _) = sets(data)
    stored = data.transform.inverse(held_out)
    expected = {
        "none": lambda x: (x.min() < -1, x.max() > 5),
        "standardise": lambda x: (x.mean(0).abs().max() < 1e-5, (x.std(0) - 1).abs().max() < 1e-5),
        "range": lambda x: (x.amin(0).eq(-1).all(), x.amax(0).eq(1).all()),
    }
    assert all(map(bool, expected[scaling](x)))
    # A Gaussian known in the data's units, as the model sees it and as it is told.
    normal = torch.distributions.Normal(torch.tensor([5.0, -1.0]), torch.tensor([3.0, 0.1]))
    points = held_out.double().requires_grad_()

    def log_prob_of_model(y):
        jacobian = torch.autograd.functional.jacobian(
            lambda y: data.transform.inverse(y[None])[0], y
        )
        value = data.transform.inverse(y[None])[0]
        return normal.log_prob(value).sum() + jacobian.det().abs().log()

    negative = -torch.stack([log_prob_of_model(y) for y in points]).detach()
    told = data.nll_in_data_units(negative, held_out)
    assert data.bits_per_dimension(negative, held_out) is None
    if scaling == "none":
        assert told is None
    else:
        assert_close(told, -normal.log_prob(stored).sum(1).double(), atol=1e-4, rtol=1e-4)
    noisy = make_ready(make(scaling=scaling, noise=0.1))
    assert noisy.nll_in_data_units(negative, held_out) is None


@pytest.mark.parametrize(
    ("levels", "scaling", "noise"),
    [
        (None, "none", 0),
        (None, "standardise", 0),
        (None, "range", 0.1),
        (8, "logit", 0),
        (8, "none", 0),
    ],
)
def test_values_are_brought_to_the_model_and_back(levels, scaling, noise, small_module, tmp_path):
    draw = numpy.random.default_rng(0)
    train, held_out = draw.integers(0, 8, (2, 40, 3)) if levels else draw.normal(50, 9, (2, 40, 3))
    paths = {"path": tmp_path / "train.npy", "test_path": tmp_path / "test.npy"}
    for path, values in zip(paths.values(), (train, held_out), strict=True):
        numpy.save(path, values)
    settings = {key: str(path) for key, path in paths.items()}
    data = FromFile(**settings, levels=levels, scaling=scaling, noise=noise)
    with pytest.raises(SettingError, match="call setup first"):
        data.to_model(held_out)
    data.setup()
    state = torch.get_rng_state()
    x = data.to_model(held_out)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, together(data.test_dataloader())[0])
    back = data.to_data(x)
    if noise == 0:
        assert_close(back.double(), torch.tensor(held_out).double(), rtol=1e-6, atol=0)
    with pytest.raises(SettingError, match=r"have shape \[40, 2\], but items have \[3\]"):
        data.to_model(held_out[:, :2])
    # What predict leaves is in both units.
    trainer = Trainer(logger=False, default_root_dir=tmp_path)
    trainer.datamodule = data
    SampleFiles().write_on_epoch_end(trainer, small_module(), [{"x": x, "energy": x.sum(1)}], [])
    written = numpy.load(tmp_path / "samples.npz")
    assert numpy.array_equal(written["x"], x.numpy())
    assert numpy.array_equal(written["values"], back.numpy())


@pytest.mark.parametrize("scaling", ["none", "standardise", "range", "logit"])
def test_levels_are_dequantised_and_a_uniform_model_needs_all_bits(scaling, tmp_path):
    levels = numpy.random.default_rng(0).integers(0, 8, (400, 3))
    numpy.save(tmp_path / "levels.npy", levels)
    data = FromFile(str(tmp_path / "levels.npy"), levels=8, scaling=scaling)
    (x, _), (y, _), _ = sets(data)
    train = data.train_dataloader().dataset
    assert not torch.equal(train[[0]], train[[0]])
    assert torch.equal(y, together(data.val_dataloader())[0])
    assert len(data.transform.inverse(x).mul(8).floor().unique()) == 8
    if scaling == "standardise":
        assert x.mean(0).abs().max() < 0.05
        assert (x.std(0) - 1).abs().max() < 0.05
    uniform = data.transform.log_det(data.transform.inverse(y)).double()
    assert_close(data.bits_per_dimension(uniform, y), torch.full((len(y),), 3.0).double())
    assert data.nll_in_data_units(uniform, y) is None


def images(folder, *, size=(4, 6), colour=False, names=("a", "b"), each=6):
    """Write images whose grey tells their class."""
    generator = numpy.random.default_rng(0)
    for k, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = generator.integers(100 * k, 100 * k + 50, (*size, 3) if colour else size)
            Image.fromarray(pixels.astype("u1")).save(folder / name / f"{number:02}.png")
    return folder


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("space", ["symmetric", "logit"])
def test_a_folder_of_images_has_its_sub_folders_for_labels(colour, space, tmp_path):
    folder = images(tmp_path / "images", colour=colour)
    data = ImageFolder(str(folder), colour=colour, space=space, batch_size=4, test_share=0.5)
    (_, labels), _, (held_out, test_labels) = sets(data)
    channels = 3 if colour else 1
    assert data.event_shape == (channels, 4, 6)
    assert data.kept_classes == ["a", "b"]
    assert labels.unique().tolist() == [0, 1]
    assert test_labels.bincount().tolist() == [3, 3]
    pictures = data.to_images(held_out) * 256
    means = [pictures[test_labels == k].mean().item() for k in (0, 1)]
    assert means == pytest.approx([25, 125], abs=4)
    # Each picture is one of those that were written, pixel by pixel.
    stored = [numpy.asarray(Image.open(p)) for p in sorted(folder.rglob("*.png"))]
    stored = torch.tensor(numpy.stack(stored)).long().view(12, 4, 6, channels).movedim(3, 1)
    found = (pictures - 1e-3).floor().long()
    assert (found[:, None] - stored).abs().amax((2, 3, 4)).amin(1).max() == 0
    log_det = data.transform.log_det(data.transform.inverse(held_out))
    negative = torch.zeros(len(held_out))
    expected = bits_per_dimension(-negative, log_det, 24 * channels)
    assert_close(data.bits_per_dimension(negative, held_out), expected)


def test_images_without_sub_folders_have_no_labels_and_may_be_resized(tmp_path):
    folder = images(tmp_path, names=("all",)) / "all"
    Image.new("RGB", (20, 9)).save(folder / "other.jpg")
    data = ImageFolder(str(folder), size=[2, 3], batch_size=4)
    (x, labels), _, _ = sets(data)
    assert labels is None
    assert x.shape[1:] == (1, 2, 3)
    assert data.kept_classes == []


def test_hugging_face_images_class_names_and_parts(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        image=datasets.Image(), label=datasets.ClassLabel(names=["cat", "dog"])
    )
    pictures = [Image.fromarray(numpy.full((2, 3), k, dtype="u1")) for k in range(10)]
    columns = {"image": pictures, "label": [0, 1] * 5}
    part = datasets.Dataset.from_dict(columns, features=features)
    datasets.DatasetDict(train=part, test=part).save_to_disk(str(tmp_path / "saved"))
    data = FromHuggingFace(
        str(tmp_path / "saved"),
        labels="label",
        test_split="test",
        validation_share=0.2,
        levels=256,
        batch_size=4,
    )
    (x, _), (validation, _), (test, labels) = sets(data)
    assert data.event_shape == (1, 2, 3)
    assert [len(x), len(validation), len(test)] == [8, 2, 10]
    assert data.kept_classes == ["cat", "dog"]
    assert labels.tolist() == [0, 1] * 5
    assert ((test * 256).floor()[:, 0, 0, 0]).tolist() == list(range(10))
    # A folder of files that load_dataset reads.
    csv(tmp_path / "points.csv", POINTS.tolist(), "a", "b")
    (tmp_path / "files").mkdir()
    (tmp_path / "points.csv").rename(tmp_path / "files/train.csv")
    ready = make_ready(FromHuggingFace(str(tmp_path / "files"), batch_size=4))
    assert ready.event_shape == (2,)


def prepared(tmp_path):
    """Write what is right and what is not, by name."""
    numpy.save(tmp_path / "points.npy", POINTS)
    numpy.save(tmp_path / "flat.npy", POINTS[:, 0])
    numpy.save(tmp_path / "none.npy", POINTS[:0])
    numpy.save(tmp_path / "constant.npy", numpy.stack([POINTS[:, 0], numpy.ones(N)], 1))
    numpy.save(tmp_path / "three.npy", numpy.ones((N, 3)))
    numpy.save(tmp_path / "complex.npy", POINTS + 1j)
    numpy.save(tmp_path / "words.npy", WORDS[:, None])
    numpy.save(tmp_path / "objects.npy", numpy.array([[{}]], dtype=object), allow_pickle=True)
    numpy.save(tmp_path / "nan.npy", numpy.where(POINTS[4, 0] == POINTS, numpy.nan, POINTS))
    numpy.save(tmp_path / "large.npy", POINTS * 1e300)
    (tmp_path / "damaged.npy").write_bytes((tmp_path / "points.npy").read_bytes()[:200])
    (tmp_path / "damaged.npz").write_bytes(b"no archive")
    (tmp_path / "damaged.pt").write_bytes(b"no archive")
    (tmp_path / "points.txt").write_text("1 2")
    numpy.savez(tmp_path / "two.npz", x=POINTS, y=WORDS, z=POINTS, short=WORDS[:5], f=POINTS[:, 0])
    numpy.savez(tmp_path / "birds.npz", x=POINTS, y=numpy.full(N, "bird"))
    torch.save(torch.nn.Linear(1, 1), tmp_path / "code.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save(TENSORS, tmp_path / "two.pt")
    csv(tmp_path / "points.csv", table(WORDS), "a", "b", "kind")
    csv(tmp_path / "bare.csv", POINTS.tolist())
    csv(tmp_path / "twice.csv", POINTS.tolist(), "a", "a")
    csv(tmp_path / "gap.csv", [(1, 2), ("", 3)], "a", "b")
    csv(tmp_path / "ragged.csv", [(1, 2), (3,)], "a", "b")
    csv(tmp_path / "wide.csv", [(1, 2, 3), (3, 4)], "a", "b")
    csv(tmp_path / "unnamed.csv", [(1, "x"), (3, "")], "a", "kind")
    parquet(tmp_path / "unnamed.parquet", {"a": [1.0, 2.0], "kind": [None, "x"]})
    parquet(tmp_path / "nothing.parquet", {})
    numpy.savez(tmp_path / "nothing.npz")
    numpy.save(tmp_path / "nothing.npy", numpy.zeros((N, 0)))
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "head.csv").write_text("a,b\n")
    images(tmp_path / "images")
    for name, kind in (("deep", "uint16"), ("flat", "uint8")):
        (tmp_path / name).mkdir()
        for number in range(20):
            pixels = numpy.full((4, 6), 200 * number % 250, kind)
            Image.fromarray(pixels).save(tmp_path / name / f"{number:02}.png")
    (tmp_path / "empty").mkdir()
    images(tmp_path / "loose")
    Image.new("L", (6, 4)).save(tmp_path / "loose/one.png")
    images(tmp_path / "sizes")
    Image.new("L", (9, 9)).save(tmp_path / "sizes/a/zz.png")
    images(tmp_path / "broken")
    (tmp_path / "broken/a/zz.png").write_text("no image")


REFUSED = [
    (FromFile, "absent.npy", {}, "path is '.*absent.npy', and there is no such file: give"),
    (FromFile, "points.txt", {}, "path is '.*points.txt', of a kind that is not known: give.*npz"),
    (FromFile, "flat.npy", {}, r"path is .* shape \[60\], but items have an axis.*event_shape"),
    (FromFile, "none.npy", {}, "which has no items"),
    (FromFile, "complex.npy", {}, "values of type complex128: give real numbers"),
    (FromFile, "words.npy", {}, "values of type <U3: give real numbers"),
    (FromFile, "objects.npy", {}, "cannot be read .*: save an array of numbers by numpy.save"),
    (FromFile, "damaged.npy", {}, "damaged.npy', which cannot be read"),
    (FromFile, "damaged.npz", {}, "damaged.npz', which cannot be read"),
    (FromFile, "damaged.pt", {}, "damaged.pt', which cannot be read"),
    (FromFile, "nan.npy", {}, "NaN or infinite values in 1 of 60 items, first in item 4: take"),
    (FromFile, "large.npy", {}, "NaN or infinite values in 60 of 60"),
    (FromFile, "points.npy", {"array": "x"}, "array is 'x', but .*points.npy holds one array"),
    (FromFile, "points.npy", {"labels": "y"}, "labels is 'y', but .*points.npy holds one array"),
    (FromFile, "points.npy", {"columns": ["a"]}, r"columns is \['a'\], but .*leave columns out"),
    (FromFile, "points.csv", {"array": "a"}, "array is 'a', but .*leave array out"),
    (FromFile, "points.npy", {"event_shape": [3]}, r"event_shape is \[3\], but .*shape \[60, 2\]"),
    (FromFile, "points.npy", {"event_shape": [0]}, r"event_shape is \[0\]: give the sizes"),
    (FromFile, "points.npy", {"test_path": "three.npy"}, r"test_path is .*\[3\], but .*\[2\]"),
    (FromFile, "points.npy", {"levels": 8}, "levels is 8, but .*points.npy has .*: give"),
    (FromFile, "points.npy", {"levels": 1}, "levels is 1"),
    (FromFile, "points.npy", {"scaling": "cubic"}, "scaling is 'cubic': give one of none, stand"),
    (FromFile, "points.npy", {"scaling": "logit"}, "scaling is 'logit', which is for integer lev"),
    (FromFile, "constant.npy", {"scaling": "range"}, r"coordinate \[1\] has one value in all 48"),
    (FromFile, "points.npy", {"validation_share": 1.0}, "validation_share is 1.0: give a share"),
    (
        FromFile,
        "points.npy",
        {"test_share": 0.001},
        "test_share is 0.001, and of 60 items that is",
    ),
    (
        FromFile,
        "points.npy",
        {"validation_share": 0.5, "test_share": 0.5},
        "0.5 and 0.5, which leaves nothing of 60",
    ),
    (FromFile, "points.npy", {"noise": -1}, "noise: -1 is no standard deviation"),
    (FromFile, "points.npy", {"class_weights": [1.0]}, r"class_weights is \[1.0\], but labels is"),
    (
        FromFile,
        "two.npz",
        {"labels": "y"},
        "array is missing, and .*two.npz has several: give.* z",
    ),
    (FromFile, "two.npz", {"array": "w"}, "array is 'w', which .*two.npz does not have: it has x"),
    (FromFile, "two.npz", {"array": "x", "labels": "w"}, "labels is 'w', which .* does not have"),
    (FromFile, "two.npz", {"array": "x", "labels": "short"}, r"labels of .* shape \[5\] for 60"),
    (FromFile, "two.npz", {"array": "x", "labels": "f"}, "labels of .* type float64: give whole"),
    (
        FromFile,
        "two.npz",
        {"array": "x", "labels": "y", "test_path": "birds.npz"},
        "labels of .*birds.npz have 'bird', which training items have not: they have cat, dog",
    ),
    (
        FromFile,
        "two.npz",
        {"array": "x", "labels": "y", "classes": ["cow"]},
        r"classes: cow has no items; choose from \['cat', 'dog'\]",
    ),
    (FromFile, "code.pt", {}, "code.pt', which cannot be read .*: save a tensor"),
    (FromFile, "list.pt", {}, "list.pt', which holds a list: save a tensor"),
    (
        FromFile,
        "two.pt",
        {"array": "z"},
        "array is 'z', which .*two.pt does not have: it has x, y",
    ),
    (FromFile, "points.csv", {}, "could not convert string 'cat' to float64 at row 0.*columns"),
    (
        FromFile,
        "points.csv",
        {"columns": ["a", "c"]},
        "columns is 'c', which .* it has a, b, kind",
    ),
    (FromFile, "points.csv", {"columns": []}, r"columns: \[\] of .* is no list of different"),
    (
        FromFile,
        "points.csv",
        {"columns": ["a"], "labels": "c"},
        "labels is 'c', which .* not have",
    ),
    (FromFile, "points.csv", {"labels": "c"}, "labels is 'c', which .* not have"),
    (
        FromFile,
        "bare.csv",
        {},
        "header is true, but .*bare.csv begins with numbers.*header: false",
    ),
    (FromFile, "twice.csv", {}, "two columns are called 'a': rename one"),
    (FromFile, "gap.csv", {}, "could not convert string '' to float64 at row 1"),
    (
        FromFile,
        "ragged.csv",
        {},
        "where the row 2 after the first has 1 values and the first 2: mend",
    ),
    (FromFile, "wide.csv", {}, "where the row 1 after the first has 3 values and the first 2"),
    (FromFile, "unnamed.csv", {"labels": "kind"}, "are missing in 1 of 2 items, first in item 1"),
    (FromFile, "unnamed.parquet", {"labels": "kind"}, "missing in 1 of 2 items, first in item 0"),
    (FromFile, "nothing.parquet", {}, "nothing.parquet', which has no columns"),
    (FromFile, "nothing.npz", {}, "nothing.npz', which holds no array"),
    (FromFile, "nothing.npy", {}, "nothing.npy', which has no numbers in its items"),
    (FromFile, "empty.csv", {}, "empty.csv', which begins with no value"),
    (FromFile, "head.csv", {}, "head.csv', which has no items"),
    (ImageFolder, "absent", {}, "path is '.*absent', and there is no such folder: give"),
    (ImageFolder, "empty", {}, "empty', where there are no images: give a folder of .png"),
    (ImageFolder, "loose", {}, "in sub-folders, which are classes, and 'one.png' does not: put"),
    (ImageFolder, "sizes", {}, "'zz.png' has 9x9 pixels and '00.png' 4x6: give size"),
    (ImageFolder, "broken", {}, "zz.png' cannot be read as an image"),
    (ImageFolder, "deep", {}, "00.png' has pixels of more than 8 bits .mode I.*: save it"),
    (ImageFolder, "flat", {"classes": ["a"]}, r"classes is \['a'\], but flat says of no item"),
    (ImageFolder, "flat", {"class_weights": [1.0]}, "class_weights is .*, but flat says of no"),
    (
        ImageFolder,
        "images",
        {"test_path": "flat"},
        "test_path is 'flat', whose items have no class, but those of images have: give",
    ),
    (
        ImageFolder,
        "flat",
        {"test_path": "images"},
        "test_path is 'images', whose items have a class, but those of flat have none: give",
    ),
    (ImageFolder, "images", {"size": [0, 2]}, "size is 0"),
    (ImageFolder, "images", {"size": [2]}, r"size is \[2\]: give height and width"),
    (ImageFolder, "images", {"space": "cubic"}, "space: 'cubic' is unknown"),
    (
        ImageFolder,
        "images",
        {"classes": ["c"]},
        r"classes: c has no items; choose from \['a', 'b'",
    ),
]


@pytest.mark.parametrize(("reader", "name", "settings", "message"), REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(
    reader, name, settings, message, tmp_path, monkeypatch
):
    prepared(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError) as refusal:
        reader(name, **settings).setup()
    assert re.search(message, str(refusal.value)), refusal.value
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "absent"}, "path is 'absent', which datasets cannot load"),
        ({"split": "dev"}, "split is 'dev', which dev does not have: it has train"),
        ({"columns": ["a", "c"]}, "columns is 'c', which train does not have: it has a, b, kind"),
        ({"columns": []}, r"columns is \[\]: give one or more of a, b, kind"),
        ({}, "columns: 'kind' of train has values that are no numbers"),
    ],
)
def test_hugging_face_refuses_in_one_sentence(settings, message, tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    hugging_face(tmp_path / "saved", COLUMNS)
    with pytest.raises(SettingError, match=message):
        FromHuggingFace(**{"path": "saved", **settings}).setup()


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("pyarrow", lambda: make_ready(FromFile("points.parquet"))),
        ("datasets", lambda: FromHuggingFace("saved")),
    ],
)
def test_a_library_that_is_missing_is_named(module, make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.parquet").write_text("")
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(SettingError, match=f"pip install {module}"):
        make()


def test_nothing_to_test_on_is_said(tmp_path):
    make, _ = written("npy", tmp_path)
    data = make_ready(make(test_share=0.0))
    assert len(list(data.val_dataloader())) == 1
    with pytest.raises(SettingError, match="test_share is 0"):
        data.test_dataloader()


def test_a_run_on_own_data_goes_on_bit_for_bit(small_module, small_trainer, tmp_path):
    levels = numpy.random.default_rng(0).integers(0, 8, (64, 2))
    numpy.savez(tmp_path / "levels.npz", x=levels, y=NUMBERS[[0, 1] * 32])

    def data() -> OwnData:
        path = str(tmp_path / "levels.npz")
        return FromFile(
            path, labels="y", levels=8, scaling="standardise", noise=0.01, batch_size=8
        )

    def trained(steps: int, checkpoint=None):
        module = small_module("mala")
        trainer: Trainer = small_trainer(max_steps=steps)
        trainer.fit(module, datamodule=data(), ckpt_path=checkpoint)
        return module, trainer

    straight, _ = trained(9)
    _, trainer = trained(4)
    trainer.save_checkpoint(tmp_path / "part.ckpt")
    torch.manual_seed(99)
    resumed, _ = trained(9, tmp_path / "part.ckpt")
    for part in ("energy", "flow", "reference"):
        for key, value in getattr(straight, part).state_dict().items():
            assert torch.equal(getattr(resumed, part).state_dict()[key], value), (part, key)
    assert torch.equal(resumed.latest_draw.x, straight.latest_draw.x)

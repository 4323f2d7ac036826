"""MNIST: its file format, its download, and what is said when either goes wrong."""

import functools
import gzip
import hashlib
import http.server
import struct
import threading

import pytest
import torch

from lightning_ebm.data import MNIST
from lightning_ebm.data.idx import read_idx

SIZES = {"train": 40, "t10k": 20}


def idx(values):
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.numpy().tobytes()


def small_files():
    """Contents of four small files: images of 8x8, labels 0 to 3 in turn."""
    generator = torch.Generator().manual_seed(0)
    files = {}
    for prefix, size in SIZES.items():
        images = torch.randint(256, (size, 8, 8), dtype=torch.uint8, generator=generator)
        files[f"{prefix}-images-idx3-ubyte"] = idx(images)
        files[f"{prefix}-labels-idx1-ubyte"] = idx((torch.arange(size) % 4).to(torch.uint8))
    return files


def write(folder, *, gzipped):
    folder.mkdir(exist_ok=True)
    for name, content in small_files().items():
        if gzipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture
def mirror(tmp_path):
    """Address of a server on this machine that has the four files, gzipped."""
    folder = write(tmp_path / "mirror", gzipped=True)
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def checksums():
    return {name: hashlib.md5(content).hexdigest() for name, content in small_files().items()}


@pytest.mark.parametrize("gzipped", [True, False])
def test_files_of_ones_own_are_read_as_they_are(tmp_path, gzipped):
    data = MNIST(str(write(tmp_path, gzipped=gzipped)), batch_size=10, validation_size=8)
    data.prepare_data()
    data.setup()
    assert data.event_shape == (1, 8, 8)
    x, labels = next(iter(data.test_dataloader()))
    assert labels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    stored = torch.frombuffer(
        bytearray(small_files()["t10k-images-idx3-ubyte"][16:]), dtype=torch.uint8
    ).reshape(20, 1, 8, 8)
    assert torch.equal((data.to_images(x) * 256).floor().to(torch.uint8), stored[:10])
    assert len(data.train_dataloader()) == 3


@pytest.mark.parametrize("gzipped", [True, False])
def test_idx_keeps_shape_and_values(tmp_path, gzipped):
    values = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4)
    content = idx(values)
    (tmp_path / "file").write_bytes(gzip.compress(content) if gzipped else content)
    assert torch.equal(read_idx(tmp_path / "file", axes=3), values)


GOOD = idx(torch.arange(6, dtype=torch.uint8).reshape(2, 3))
# Of a fixed time, so that every process names these cases alike.
ZIPPED = gzip.compress(GOOD, mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD[:-1], "is truncated: 5 bytes of values where its shape .* needs 6"),
        (GOOD + b"0", "is too long: 7 bytes"),
        (GOOD[:7], "truncated within its header"),
        (b"", "no IDX file of bytes with 2 axes"),
        (b"<html>", "begins with 3c 68 74 6d and not with 00 00 08 02"),
        (idx(torch.zeros(3, dtype=torch.uint8)), "begins with 00 00 08 01"),
        (idx(torch.zeros(0, 3, dtype=torch.uint8)), "holds nothing"),
        (ZIPPED[:-9], "the gzip file is truncated"),
        (ZIPPED[:-8] + b"\0" * 8, "the gzip file is damaged"),
        (ZIPPED[:10] + b"\xff" * 20, "the gzip file is damaged"),
    ],
)
def test_damaged_files_are_named_with_their_fault(tmp_path, content, message):
    path = tmp_path / "some-file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"some-file: .*{message}"):
        read_idx(path, axes=2)


def test_labels_that_do_not_match_are_refused(tmp_path):
    write(tmp_path, gzipped=False)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(torch.zeros(19, dtype=torch.uint8)))
    with pytest.raises(ValueError, match="20 images and t10k-labels-idx1-ubyte 19 labels"):
        MNIST(str(tmp_path), validation_size=0).setup()


def test_missing_files_are_named_with_the_folder_and_the_remedy(tmp_path):
    write(tmp_path, gzipped=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    data = MNIST(str(tmp_path), download=False)
    data.prepare_data()
    with pytest.raises(
        ValueError, match=r"lacks t10k-labels-idx1-ubyte .*download: true"
    ) as error:
        data.setup()
    assert str(tmp_path) in str(error.value)
    assert "train" not in str(error.value).replace(str(tmp_path), "")


def test_what_is_missing_is_downloaded_from_the_first_mirror_that_has_it(tmp_path, mirror):
    folder = tmp_path / "new" / "folder"
    mirrors = (mirror + "nowhere/", mirror.rstrip("/"))
    data = MNIST(str(folder), validation_size=0, mirrors=mirrors, checksums=checksums())
    data.prepare_data()
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.gz" for name in small_files()
    )
    data.setup()
    assert data.event_shape == (1, 8, 8)


def test_files_that_are_there_are_not_downloaded(tmp_path):
    write(tmp_path, gzipped=False)
    data = MNIST(str(tmp_path), validation_size=0, mirrors=("http://127.0.0.1:1/",))
    data.prepare_data()
    data.setup()
    assert len(data.test_dataloader().dataset) == 20


def test_a_wrong_checksum_leaves_nothing_behind(tmp_path, mirror):
    folder = tmp_path / "new"
    folder.mkdir()
    wrong = dict.fromkeys(small_files(), "0" * 32)
    with pytest.raises(ValueError, match=r"wrong checksum .* where 0{32} was expected"):
        MNIST(str(folder), mirrors=(mirror,), checksums=wrong).prepare_data()
    assert not list(folder.iterdir())


def test_all_failures_are_told_in_one_sentence(tmp_path, mirror):
    mirrors = (mirror + "nowhere/", "http://127.0.0.1:1")
    with pytest.raises(ValueError, match=r"nowhere/train-images.*404.*127.0.0.1:1/.*refused"):
        MNIST(str(tmp_path), mirrors=mirrors, checksums=checksums()).prepare_data()
    with pytest.raises(ValueError, match=r"mirrors: train-images.*none is given"):
        MNIST(str(tmp_path / "empty"), mirrors=()).prepare_data()


def test_a_table_of_checksums_must_be_whole(tmp_path):
    with pytest.raises(ValueError, match=r"checksums: train-images-idx3-ubyte.* has none"):
        MNIST(str(tmp_path), checksums={})

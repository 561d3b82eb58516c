"""Public data sets: the real MNIST files, and every way a download can fail, against a server on this machine."""

import bz2
import gzip
import hashlib
import io
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pooch
import pytest
import torch
from scipy.io import savemat

from labkit import data
from labkit.data import DataError, download
from labkit.data.readers import idx

# isort: split
import torchvision.datasets  # after labkit, which makes it work under a CPU build of torch

PARTIAL = download.STAGING


@dataclass
class Server:
    """An HTTP server of a few files. ``manner`` says how it misbehaves."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    manner: str = "well"
    asked: list[str] = field(default_factory=list)
    stalled: Event = field(default_factory=Event)
    released: Event = field(default_factory=Event)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.strip("/")
        self.asked.append(name)
        body = self.files.get(name)
        if body is None or self.manner == "missing":
            request.send_error(404)
            return
        sent = body[::-1] if self.manner == "damaged" else body
        request.send_response(200)
        request.send_header("Content-Length", str(len(sent)))
        request.end_headers()
        if self.manner == "breaks off":
            request.wfile.write(sent[: len(sent) // 2])
            return
        if self.manner == "stalls":
            request.wfile.write(sent[: len(sent) // 2])
            request.wfile.flush()
            self.stalled.set()
            self.released.wait(30)
            return
        request.wfile.write(sent)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    state.port = http.server_port
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    state.released.set()
    http.shutdown()
    http.server_close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache, nor what LABKIT_DATA names, unless it says so."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(pooch, "os_cache", lambda name: cache / name)
    monkeypatch.delenv("LABKIT_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    return cache / "labkit"


def md5(raw: bytes) -> str:
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


def left_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def digit(n: int) -> tuple[np.ndarray, np.ndarray]:
    """``n`` random 28×28 images with labels."""
    random = np.random.default_rng(n)
    return random.integers(0, 256, (n, 28, 28), dtype=np.uint8), random.integers(0, 10, n, dtype=np.uint8)


def idx_bytes(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes() + array.tobytes()


@pytest.fixture
def small_mnist(server: Server, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """A set in MNIST's format, published by the server; the images and labels of its training part."""
    images, labels = digit(20)
    files = {
        "train-images-idx3-ubyte.gz": gzip.compress(idx_bytes(images)),
        "train-labels-idx1-ubyte.gz": gzip.compress(idx_bytes(labels)),
        "t10k-images-idx3-ubyte.gz": gzip.compress(idx_bytes(images[:5])),
        "t10k-labels-idx1-ubyte.gz": gzip.compress(idx_bytes(labels[:5])),
    }
    server.files |= files
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [server.url("")])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", [(n, md5(raw)) for n, raw in files.items()])
    return images, labels


TRAIN = {"MNIST/raw/train-images-idx3-ubyte.gz", "MNIST/raw/train-labels-idx1-ubyte.gz"}


# ── the real files ──


def test_real_mnist_is_read_from_packed_files_in_a_read_only_folder(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    if not (real_data / "MNIST" / "raw" / "train-images-idx3-ubyte.gz").exists():
        pytest.skip("needs MNIST/raw/*.gz in LABKIT_DATA")
    monkeypatch.setenv("LABKIT_DATA", str(real_data))
    before = left_in(real_data / "MNIST")
    train, test = data.mnist(dtype=torch.uint8), data.mnist("test", download=False)
    assert train.x.shape == (60000, 1, 28, 28)
    assert test.x.shape == (10000, 1, 28, 28)
    # Class sizes as LeCun's files have them.
    assert torch.bincount(train.y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (test.x.dtype, float(test.x.min()), float(test.x.max())) == (torch.float32, 0.0, 1.0)
    assert round(float(train.x.double().mean() / 255), 4) == 0.1307
    assert left_in(real_data / "MNIST") == before
    assert not own_cache.exists()


def test_real_mnist_equals_torchvisions(real_data: Path, tmp_path: Path) -> None:
    raw = real_data / "MNIST" / "raw"
    if not (raw / "t10k-images-idx3-ubyte.gz").exists():
        pytest.skip("needs MNIST/raw/*.gz in LABKIT_DATA")
    mine = tmp_path / "copy" / "MNIST" / "raw"
    mine.mkdir(parents=True)
    for packed in raw.glob("*.gz"):
        (mine / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    peer = torchvision.datasets.MNIST(tmp_path / "copy", train=False)
    ours = data.mnist("test", root=real_data, dtype=torch.uint8)
    assert ours.x[:, 0].equal(peer.data)
    assert ours.y.equal(peer.targets)
    unpacked = data.mnist("test", root=tmp_path / "copy", dtype=torch.uint8, download=False)
    assert unpacked.x.equal(ours.x)


def test_a_truncated_copy_of_real_mnist_is_named(real_data: Path, tmp_path: Path) -> None:
    raw = real_data / "MNIST" / "raw"
    if not (raw / "t10k-images-idx3-ubyte.gz").exists():
        pytest.skip("needs MNIST/raw/*.gz in LABKIT_DATA")
    mine = tmp_path / "MNIST" / "raw"
    mine.mkdir(parents=True)
    shutil.copyfile(raw / "t10k-labels-idx1-ubyte.gz", mine / "t10k-labels-idx1-ubyte.gz")
    (mine / "t10k-images-idx3-ubyte.gz").write_bytes((raw / "t10k-images-idx3-ubyte.gz").read_bytes()[:100_000])
    with pytest.raises(DataError, match=r"MNIST in .* are damaged .* delete them and call again"):
        data.mnist("test", root=tmp_path, download=False)


# ── a download that works ──


def test_a_download_is_put_in_place_and_used_again(
    server: Server, small_mnist: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    root = tmp_path / "new" / "folder"
    first = data.mnist(root=root, progress=False)
    assert np.array_equal(first.x[:, 0].mul(255).round().byte().numpy(), small_mnist[0])
    assert np.array_equal(first.y.numpy(), small_mnist[1])
    assert left_in(root) == TRAIN
    asked = len(server.asked)
    again = data.mnist(root=root, download=False)
    assert again.x.equal(first.x)
    assert len(server.asked) == asked


def test_torchvision_finds_what_labkit_has_downloaded(
    small_mnist: tuple[np.ndarray, np.ndarray], server: Server, tmp_path: Path
) -> None:
    data.mnist(root=tmp_path, progress=False)
    data.mnist("test", root=tmp_path, progress=False)
    asked = len(server.asked)
    peer = torchvision.datasets.MNIST(tmp_path, train=True, download=True)  # unpacks the verified files
    assert np.array_equal(peer.data.numpy(), small_mnist[0])
    assert len(server.asked) == asked


def test_a_bar_is_shown_only_when_asked_for(
    small_mnist: tuple[np.ndarray, np.ndarray], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data.mnist(root=tmp_path / "quiet", progress=False)
    assert capfd.readouterr() == ("", "")
    data.mnist(root=tmp_path / "bar")
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err


def test_the_first_mirror_that_answers_is_used(
    small_mnist: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path
) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/", server.url("")])
    assert len(data.mnist(root=tmp_path, progress=False)) == 20


def test_root_comes_before_the_environment_and_that_before_the_cache(
    small_mnist: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_cache: Path
) -> None:
    data.mnist(progress=False)
    assert left_in(own_cache) == TRAIN
    shutil.rmtree(own_cache)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "named"))
    data.mnist(progress=False)
    assert left_in(tmp_path / "named") == TRAIN
    assert not own_cache.exists()
    data.mnist(root=tmp_path / "root", progress=False)
    assert left_in(tmp_path / "root") == TRAIN


def test_a_read_only_folder_is_left_alone_and_the_cache_used(
    small_mnist: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_cache: Path
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    monkeypatch.setenv("LABKIT_DATA", str(locked))
    assert len(data.mnist(progress=False)) == 20
    assert left_in(own_cache) == TRAIN
    assert list(locked.iterdir()) == []
    with pytest.raises(DataError, match="read-only: name a folder for it with root="):
        data.mnist("test", root=locked)


# ── a download that fails ──


@pytest.mark.parametrize(
    ("manner", "sentence"),
    [
        ("missing", r"127\.0\.0\.1:\d+ answered 404"),
        ("damaged", r"sent is damaged \(its checksum is wrong\)"),
        ("breaks off", r"the connection to 127\.0\.0\.1:\d+ broke off"),
    ],
)
def test_a_failed_download_is_one_sentence_and_leaves_nothing(
    server: Server, small_mnist: tuple[np.ndarray, np.ndarray], tmp_path: Path, manner: str, sentence: str
) -> None:
    server.manner = manner
    with pytest.raises(DataError, match=sentence) as caught:
        data.mnist(root=tmp_path, progress=False)
    assert "Nothing was kept: try again later, or copy the file from another machine into" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    server.manner = "well"
    assert len(data.mnist(root=tmp_path, progress=False)) == 20


def test_no_network_is_one_sentence_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DataError, match=r"there is no connection to 127.0.0.1:9") as caught:
        data.mnist(root=tmp_path, progress=False)
    assert str(tmp_path / "MNIST" / "raw") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "words"), [(KeyboardInterrupt, None), (OSError, "the disk is full")])
def test_an_interrupted_download_leaves_nothing(
    small_mnist: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: type[BaseException],
    words: str | None,
) -> None:
    def half(self: object, url: str, output: str, other: object) -> None:
        Path(output).write_bytes(b"half")
        raise kind(28, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", half)
    with pytest.raises(DataError if words else kind, match=words):
        data.mnist(root=tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_download_false_never_asks(server: Server, small_mnist: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"MNIST is not in .*: allow the download with download=True"):
        data.mnist(root=tmp_path, download=False)
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spoil", [lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: raw[:-9] + bytes(9)])
def test_a_damaged_file_is_named_and_then_replaced(
    server: Server,
    small_mnist: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
    spoil: Callable[[bytes], bytes],
) -> None:
    data.mnist(root=tmp_path, progress=False)
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(DataError, match="are damaged"):
        data.mnist(root=tmp_path, download=False)
    server.manner = "missing"
    with pytest.raises(DataError, match=r"are damaged .*; but now .* answered 404"):
        data.mnist(root=tmp_path, progress=False)
    server.manner = "well"
    assert np.array_equal(data.mnist(root=tmp_path, progress=False, dtype=torch.uint8).x[:, 0], small_mnist[0])


def test_a_damaged_copy_in_a_read_only_folder_does_not_hide_a_good_one(
    small_mnist: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    raw = tmp_path / "locked" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(b"half")
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(b"half")
    (tmp_path / "locked").chmod(0o555)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "locked"))
    assert len(data.mnist(progress=False)) == 20
    assert (raw / "train-images-idx3-ubyte.gz").read_bytes() == b"half"


def test_many_at_once_all_succeed(small_mnist: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        sets = list(pool.map(lambda _: data.mnist(root=tmp_path, progress=False, dtype=torch.uint8), range(6)))
    assert all(np.array_equal(one.x[:, 0], small_mnist[0]) for one in sets)
    assert left_in(tmp_path) == TRAIN


def test_a_temporary_folder_that_goes_away_while_another_process_looks_stops_nothing(tmp_path: Path) -> None:
    gone = tmp_path / f"{PARTIAL}gone"  # listed, and not there any more: as between another's end and the next look
    gone.symlink_to(tmp_path / "nowhere")
    with download.staging(tmp_path) as staged:
        assert staged.parent == tmp_path


def test_a_killed_process_leaves_no_broken_file_and_the_next_one_succeeds(server: Server, tmp_path: Path) -> None:
    body = bytes(range(256)) * 4096
    server.files["words.bin"] = body
    server.manner = "stalls"
    code = (
        "import sys; from labkit.data import fetch; fetch(sys.argv[1], sys.argv[2], root=sys.argv[3], progress=False)"
    )
    arguments = [server.url("words.bin"), hashlib.sha256(body).hexdigest(), str(tmp_path)]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments])
    assert server.stalled.wait(60)
    process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    process.wait()
    assert not (tmp_path / "words.bin").exists()
    (partial,) = tmp_path.iterdir()
    assert partial.name.startswith(PARTIAL)
    server.released.set()
    server.manner = "well"
    assert data.fetch(arguments[0], arguments[1], root=tmp_path, progress=False).read_bytes() == body
    assert partial.exists(), "it might belong to a process that is still at work"
    os.utime(partial, (time.time() - 2 * download.DAY,) * 2)
    data.fetch(server.url("words.bin"), arguments[1], name="other.bin", root=tmp_path, progress=False)
    assert left_in(tmp_path) == {"words.bin", "other.bin"}
    assert not partial.exists()


def test_fetch_verifies_what_is_there_and_what_arrives(server: Server, tmp_path: Path) -> None:
    server.files["a.txt"] = b"hello"
    sha = hashlib.sha256(b"hello").hexdigest()
    path = data.fetch(server.url("a.txt"), sha, root=tmp_path, name="deep/b.txt", progress=False)
    assert path == tmp_path / "deep" / "b.txt"
    assert path.read_bytes() == b"hello"
    path.write_bytes(b"hullo")
    assert (
        data.fetch(server.url("a.txt"), sha, root=tmp_path, name="deep/b.txt", progress=False).read_bytes() == b"hello"
    )
    assert len(server.asked) == 2
    with pytest.raises(DataError, match=r"a.txt could not be downloaded: .* checksum is wrong"):
        data.fetch(server.url("a.txt"), "0" * 64, root=tmp_path, progress=False)
    assert left_in(tmp_path) == {"deep/b.txt"}


# ── the other data sets, in small ──


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, raw in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(raw)
            tar.addfile(entry, io.BytesIO(raw))
    return out.getvalue()


def colour(n: int, size: int) -> tuple[np.ndarray, list[int]]:
    random = np.random.default_rng(n)
    return random.integers(0, 256, (n, 3, size, size), dtype=np.uint8), random.integers(0, 10, n).tolist()


@pytest.mark.parametrize(
    ("name", "key", "names"), [("CIFAR10", "labels", "label_names"), ("CIFAR100", "fine_labels", "fine_label_names")]
)
def test_cifar_is_unpacked_and_read(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, key: str, names: str
) -> None:
    cls = getattr(torchvision.datasets, name)
    images, labels = colour(12, 32)
    parts = {"one": (images[:7], labels[:7]), "two": (images[7:], labels[7:]), "test": (images[:3], labels[:3])}
    members = {k: pickle.dumps({"data": x.reshape(len(x), -1), key: y}) for k, (x, y) in parts.items()}
    members["meta"] = pickle.dumps({names: [f"thing {i}" for i in range(10)]})
    archive = packed({f"{cls.base_folder}/{k}": raw for k, raw in members.items()})
    server.files["cifar.tar.gz"] = archive
    monkeypatch.setattr(cls, "url", server.url("cifar.tar.gz"))
    monkeypatch.setattr(cls, "tgz_md5", md5(archive))
    monkeypatch.setattr(cls, "train_list", [[k, md5(members[k])] for k in ("one", "two")])
    monkeypatch.setattr(cls, "test_list", [["test", md5(members["test"])]])
    monkeypatch.setattr(cls, "meta", {"filename": "meta", "key": names, "md5": md5(members["meta"])})
    load = data.cifar10 if name == "CIFAR10" else data.cifar100
    train = load(root=tmp_path, progress=False, dtype=torch.uint8)
    assert np.array_equal(train.x, images)
    assert train.y.tolist() == labels
    assert train.classes == tuple(f"thing {i}" for i in range(10))
    assert len(load("test", root=tmp_path, download=False)) == 3
    assert left_in(tmp_path) == {f"{cls.base_folder}/{k}" for k in members}

    (tmp_path / cls.base_folder / "one").write_bytes(b"half")
    with pytest.raises(DataError, match=f"in .*{cls.base_folder} are damaged"):
        load(root=tmp_path, download=False)
    assert np.array_equal(load(root=tmp_path, progress=False, dtype=torch.uint8).x, images)

    only_archive = tmp_path / "only_archive"
    only_archive.mkdir()
    (only_archive / cls.filename).write_bytes(archive)
    asked = len(server.asked)
    assert len(load(root=only_archive)) == 12
    assert len(server.asked) == asked


def test_stl10_marks_what_has_no_label(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cls = torchvision.datasets.STL10
    images, labels = colour(4, 96)
    columns = images.transpose(0, 1, 3, 2).tobytes()
    members = {
        "train_X.bin": columns,
        "train_y.bin": bytes(label + 1 for label in labels),
        "unlabeled_X.bin": columns[: 3 * 96 * 96],
        "test_X.bin": columns,
        "test_y.bin": bytes(label + 1 for label in labels),
        "class_names.txt": b"airplane\nbird\n",
    }
    archive = packed({f"{cls.base_folder}/{k}": raw for k, raw in members.items()})
    server.files["stl.tar.gz"] = archive
    sums = {k: md5(raw) for k, raw in members.items()}
    monkeypatch.setattr(cls, "url", server.url("stl.tar.gz"))
    monkeypatch.setattr(cls, "tgz_md5", md5(archive))
    monkeypatch.setattr(cls, "train_list", [[k, sums[k]] for k in ("train_X.bin", "train_y.bin", "unlabeled_X.bin")])
    monkeypatch.setattr(cls, "test_list", [[k, sums[k]] for k in ("test_X.bin", "test_y.bin")])
    train = data.stl10(root=tmp_path, progress=False, dtype=torch.uint8)
    assert np.array_equal(train.x, images)
    assert train.y.tolist() == labels
    unlabeled = data.stl10("unlabeled", root=tmp_path, download=False)
    assert unlabeled.y.tolist() == [-1]
    assert len(unlabeled.subset(per_class=1)) == 1


def test_svhn_is_read(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images, labels = colour(6, 32)
    out = io.BytesIO()
    savemat(out, {"X": images.transpose(2, 3, 1, 0), "y": np.array([[k or 10] for k in labels], dtype=np.uint8)})
    raw = out.getvalue()
    server.files["extra.mat"] = raw
    table = {"extra": [server.url("extra.mat"), "extra_32x32.mat", md5(raw)]}
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", table)
    extra = data.svhn("extra", root=tmp_path, progress=False, dtype=torch.uint8)
    assert np.array_equal(extra.x, images)
    assert extra.y.tolist() == labels
    assert left_in(tmp_path) == {"extra_32x32.mat"}


def test_usps_is_read_and_a_half_file_noticed(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values, labels = random.uniform(-1, 1, (5, 256)), random.integers(0, 10, 5)
    lines = [f"{y + 1} " + " ".join(f"{i + 1}:{v:.4f}" for i, v in enumerate(row)) for y, row in zip(labels, values)]
    raw = bz2.compress("\n".join(lines).encode())
    server.files["usps.bz2"] = raw
    table = {"train": [server.url("usps.bz2"), "usps.bz2", md5(raw)]}
    monkeypatch.setattr(torchvision.datasets.USPS, "split_list", table)
    usps = data.usps(root=tmp_path, progress=False)
    assert usps.x.shape == (5, 1, 16, 16)
    assert np.abs(usps.x.flatten(1).numpy() - (values + 1) / 2).max() < 1.01 / 255
    assert usps.y.tolist() == labels.tolist()
    (tmp_path / "usps.bz2").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(DataError, match=r"USPS in .* are damaged"):
        data.usps(root=tmp_path, download=False)


def test_fashion_mnist_has_its_own_names(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images, labels = digit(3)
    files = {"t10k-images-idx3-ubyte.gz": images, "t10k-labels-idx1-ubyte.gz": labels}
    server.files |= {name: gzip.compress(idx_bytes(array)) for name, array in files.items()}
    cls = torchvision.datasets.FashionMNIST
    monkeypatch.setattr(cls, "mirrors", [server.url("")])
    monkeypatch.setattr(cls, "resources", [(name, md5(server.files[name])) for name in files])
    test = data.fashion_mnist("test", root=tmp_path, progress=False, dtype=torch.uint8)
    assert test.classes[9] == "Ankle boot"
    assert np.array_equal(test.x[:, 0], images)


# ── bad arguments and small parts ──


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="split is 'dev'; MNIST has train, test"):
        data.mnist("dev", root=tmp_path)
    with pytest.raises(ValueError, match=r"dtype is torch\.int64"):
        data.mnist(root=tmp_path, dtype=torch.int64)


def test_every_public_set_says_whose_it_is() -> None:
    from labkit.data import public
    from labkit.data.readers import Public

    sets = [entry for entry in vars(public).values() if isinstance(entry, Public)]
    assert len(sets) == 7
    for entry in sets:
        assert entry.about.licence
        assert entry.about.citation[-4:].isdigit(), "a citation ends with its year"
        assert entry.about.source.startswith("http")


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x00\x00\x08", b"\x00\x00\x0d\x01" + bytes(8), b"\x00\x00\x08\x03" + bytes(5), idx_bytes(digit(2)[0])[:-1]],
)
def test_what_is_no_whole_idx_file_is_none(raw: bytes) -> None:
    assert idx(raw) is None


def test_idx_keeps_every_byte() -> None:
    images, labels = digit(3)
    assert np.array_equal(idx(idx_bytes(images)), images)
    assert np.array_equal(idx(idx_bytes(labels)), labels)

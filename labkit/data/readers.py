"""How the public data sets are fetched and read, where torchvision's own way is not enough.

torchvision's classes know the addresses, the checksums, the folders and the formats; this module asks them, and
downloads, verifies and reads so that a failure leaves one sentence and no broken file. MNIST's files are read
packed, so a read-only folder with nothing but ``*.gz`` will do.
"""

import gzip
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from labkit.data.dataset import About, DataError, Dataset
from labkit.data.download import folders, get, intact, move_in, place_for, staging, writable

TEN_DIGITS = tuple("0123456789")
Found = tuple[np.ndarray, np.ndarray, tuple[str, ...]]
"""Images uint8 (N, C, H, W), labels (N,), names of the classes."""


@dataclass(frozen=True)
class Public(ABC):
    """How to fetch and read one data set.

    Attributes:
        peer: the name of torchvision's class, which knows addresses and checksums.
        splits: the names of the splits.
        about: name, licence, citation, source.
    """

    peer: str
    splits: tuple[str, ...]
    about: About

    def cls(self) -> Any:
        """torchvision's class."""
        import torchvision.datasets

        return getattr(torchvision.datasets, self.peer)

    @abstractmethod
    def files(self, split: str) -> list[tuple[str, str, Sequence[str]]]:
        """The files to download for a split: path below the root, checksum, addresses."""

    @abstractmethod
    def read(self, root: Path, split: str) -> Found | None:
        """The split, if it is there; None if it is not. Raises DataError if it is there but damaged."""

    def get(self, staged: Path, split: str, places: Sequence[Path], target: Path, progress: bool) -> None:
        """Put the split's files into ``staged``, all verified, but for those that ``target`` has already."""
        for path, checksum, urls in self.files(split):
            if not intact(target / path, checksum):
                get(urls, checksum, staged / path, progress=progress, keep_in=(target / path).parent)

    def damaged(self, root: Path) -> DataError:
        """The error for files that are there but not what was published."""
        return DataError(
            f"the files of {self.about.name} in {root} are damaged (truncated, or with the wrong checksum): "
            f"delete them and call again with download=True"
        )


class Idx(Public):
    """MNIST and its kin: four gzipped idx files, read packed, or unpacked as torchvision leaves them."""

    def files(self, split: str) -> list[tuple[str, str, Sequence[str]]]:
        cls, stem = self.cls(), "train" if split == "train" else "t10k"
        return [
            (f"{self.peer}/raw/{name}", f"md5:{md5}", [mirror + name for mirror in cls.mirrors])
            for name, md5 in cls.resources
            if name.startswith(stem)
        ]

    def read(self, root: Path, split: str) -> Found | None:
        images, labels = (self.array(root, root / path, checksum) for path, checksum, _ in self.files(split))
        if images is None or labels is None:
            return None
        names = TEN_DIGITS if self.peer == "MNIST" else tuple(self.cls().classes)
        return images[:, None], labels, names

    def array(self, root: Path, packed: Path, checksum: str) -> np.ndarray | None:
        """The array in a gzipped idx file, or in its unpacked twin; None if there is neither."""
        if intact(packed, checksum):
            return idx(gzip.decompress(packed.read_bytes()))
        unpacked = packed.with_suffix("")
        array = idx(unpacked.read_bytes()) if unpacked.is_file() else None
        if array is None and (packed.exists() or unpacked.exists()):
            raise self.damaged(root)
        return array


class Files(Public):
    """USPS and SVHN: one file a split."""

    def files(self, split: str) -> list[tuple[str, str, Sequence[str]]]:
        url, name, md5 = self.cls().split_list[split]
        return [(name, f"md5:{md5}", [url])]

    def read(self, root: Path, split: str) -> Found | None:
        ((name, checksum, _),) = self.files(split)
        if not (root / name).exists():
            return None
        if not intact(root / name, checksum):
            raise self.damaged(root)
        if self.peer == "USPS":
            usps = self.cls()(root, train=split == "train")
            return usps.data[:, None], np.asarray(usps.targets), TEN_DIGITS
        svhn = self.cls()(root, split=split)
        return svhn.data, svhn.labels, TEN_DIGITS


class Archive(Public):
    """CIFAR and STL10: one archive for all splits, unpacked into a folder whose files have checksums too."""

    def files(self, split: str) -> list[tuple[str, str, Sequence[str]]]:
        cls = self.cls()
        return [(cls.filename, f"md5:{cls.tgz_md5}", [cls.url])]

    def read(self, root: Path, split: str) -> Found | None:
        cls = self.cls()
        if not (root / cls.base_folder).exists():
            return None
        option = {"split": split} if self.peer == "STL10" else {"train": split == "train"}
        try:
            data = cls(root, download=False, **option)
        except (RuntimeError, OSError) as error:
            raise self.damaged(root / cls.base_folder) from error
        if self.peer == "STL10":
            return data.data, np.asarray(data.labels), tuple(data.classes)
        return data.data.transpose(0, 3, 1, 2), np.asarray(data.targets), tuple(data.classes)

    def get(self, staged: Path, split: str, places: Sequence[Path], target: Path, progress: bool) -> None:
        """Unpack the archive into ``staged``: one that lies in a place already, or a downloaded one."""
        ((name, checksum, urls),) = self.files(split)
        archive = next((place / name for place in places if intact(place / name, checksum)), None)
        if archive is None:
            archive = staged / name
            get(urls, checksum, archive, progress=progress, keep_in=target)
        with tarfile.open(archive) as packed:
            packed.extractall(staged, filter="data")
        (staged / name).unlink(missing_ok=True)


def idx(raw: bytes) -> np.ndarray | None:
    """The unsigned bytes in an idx file: 0, 0, 8, number of dimensions; the dimensions as big-endian int32; the data.

    None if the file is not whole. Format: Y. LeCun, C. Cortes and C. Burges, The MNIST Database.
    """
    start = 4 + 4 * raw[3] if raw[:3] == b"\x00\x00\x08" and len(raw) > 3 else 0
    if not start or len(raw) < start:
        return None
    shape = np.frombuffer(raw[4:start], dtype=">i4").astype(int)
    whole = len(raw) - start == shape.prod()
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape) if whole else None


def load(
    public: Public,
    split: str,
    *,
    root: str | Path | None,
    download: bool,
    device: torch.device | str,
    dtype: torch.dtype,
    progress: bool,
) -> Dataset:
    """The split of a public data set as a ``Dataset``; see ``labkit.data.public``."""
    if split not in public.splits:
        raise ValueError(f"split is {split!r}; {public.about.name} has {', '.join(public.splits)}")
    if not (dtype.is_floating_point or dtype == torch.uint8):
        raise ValueError(f"dtype is {dtype}; expected a floating-point one or torch.uint8")
    images, labels, classes = find_files(public, split, folders(root), download=download, progress=progress)
    x = torch.from_numpy(np.require(images, requirements=["C", "W"])).to(device)
    y = torch.from_numpy(np.asarray(labels, dtype=np.int64)).to(device)
    return Dataset(x if dtype == torch.uint8 else x.to(dtype).div_(255), y, classes, public.about)


def find_files(public: Public, split: str, places: Sequence[Path], *, download: bool, progress: bool) -> Found:
    """The split, from the first place that has it whole; downloaded if none has."""
    damage: DataError | None = None
    for place in places:
        try:
            data = public.read(place, split)
        except DataError as error:
            damage = error
        else:
            if data is not None:
                return data
    if damage is not None and not (download and any(writable(place) for place in places)):
        raise damage
    target = place_for(places, public.about.name, download=download)
    try:
        with staging(target) as staged:
            public.get(staged, split, places, target, progress)
            move_in(staged, target)
    except DataError as failure:
        if damage is None:
            raise
        raise DataError(f"{damage}; but now {failure}") from failure
    data = public.read(target, split)
    if data is None:
        raise public.damaged(target)
    return data

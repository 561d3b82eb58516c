"""Public data sets, one call each, as tensors: downloaded once, verified every time.

===================  ===========  =============================================  ========  ==========
call                 image        samples                                        classes   download
===================  ===========  =============================================  ========  ==========
``mnist``            1×28×28      train 60,000; test 10,000                      10        11 MB
``fashion_mnist``    1×28×28      train 60,000; test 10,000                      10        30 MB
``usps``             1×16×16      train 7,291; test 2,007                        10        8 MB
``svhn``             3×32×32      train 73,257; test 26,032; extra 531,131       10        up to 1.3 GB
``cifar10``          3×32×32      train 50,000; test 10,000                      10        170 MB
``cifar100``         3×32×32      train 50,000; test 10,000                      100       169 MB
``stl10``            3×96×96      train 5,000; test 8,000; unlabeled 100,000     10        2.6 GB
===================  ===========  =============================================  ========  ==========

Addresses, checksums, folder layout and decoding are torchvision's, so what torchvision has downloaded is found and
the other way round; MNIST's files are read packed, so a read-only folder with nothing but ``*.gz`` will do. Where
files lie and what happens when a download fails: see ``labkit.data.download``.

Every call takes ``split``, ``root`` (a folder), ``download`` (False never touches the network), ``device``, ``dtype``
(float32 in [0, 1] by default; ``torch.uint8`` keeps 0 to 255 in a quarter of the memory) and ``progress`` (a bar on
stderr while something is downloaded). Each raises ValueError for an unknown split or dtype, and DataError, one
sentence with what to do, where data are missing, damaged, or can't be fetched.
"""

from pathlib import Path

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.readers import Archive, Files, Idx, load

MNIST = Idx(
    "MNIST",
    ("train", "test"),
    About(
        name="MNIST",
        licence="CC BY-SA 3.0",
        citation="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-Based Learning Applied to "
        "Document Recognition, Proceedings of the IEEE 86(11), 1998",
        source="http://yann.lecun.com/exdb/mnist",
    ),
)
FASHION_MNIST = Idx(
    "FashionMNIST",
    ("train", "test"),
    About(
        name="FashionMNIST",
        licence="MIT",
        citation="H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking "
        "Machine Learning Algorithms, arXiv:1708.07747, 2017",
        source="https://github.com/zalandoresearch/fashion-mnist",
    ),
)
USPS = Files(
    "USPS",
    ("train", "test"),
    About(
        name="USPS",
        licence="not stated",
        citation="J. Hull, A Database for Handwritten Text Recognition Research, IEEE Transactions on "
        "Pattern Analysis and Machine Intelligence 16(5), 1994",
        source="https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html",
    ),
)
SVHN = Files(
    "SVHN",
    ("train", "test", "extra"),
    About(
        name="SVHN",
        licence="non-commercial use",
        citation="Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu and A. Ng, Reading Digits in Natural "
        "Images with Unsupervised Feature Learning, NIPS workshop, 2011",
        source="http://ufldl.stanford.edu/housenumbers",
    ),
)
CIFAR10 = Archive(
    "CIFAR10",
    ("train", "test"),
    About(
        name="CIFAR-10",
        licence="not stated",
        citation="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
)
CIFAR100 = Archive(
    "CIFAR100",
    ("train", "test"),
    About(
        name="CIFAR-100",
        licence="not stated",
        citation="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
)
STL10 = Archive(
    "STL10",
    ("train", "test", "unlabeled"),
    About(
        name="STL-10",
        licence="not stated; photographs from ImageNet",
        citation="A. Coates, H. Lee and A. Ng, An Analysis of Single-Layer Networks in Unsupervised "
        "Feature Learning, AISTATS 2011",
        source="https://cs.stanford.edu/~acoates/stl10",
    ),
)


def mnist(
    split: str = "train",
    *,
    root: str | Path | None = None,
    download: bool = True,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool = True,
) -> Dataset:
    """MNIST: handwritten digits of 250 writers, white on black. (N, 1, 28, 28); ``split`` is train, test."""
    return load(MNIST, split, root=root, download=download, device=device, dtype=dtype, progress=progress)


def fashion_mnist(
    split: str = "train",
    *,
    root: str | Path | None = None,
    download: bool = True,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool = True,
) -> Dataset:
    """FashionMNIST: photographs of clothes, white on black. (N, 1, 28, 28); ``split`` is train, test."""
    return load(FASHION_MNIST, split, root=root, download=download, device=device, dtype=dtype, progress=progress)


def usps(
    split: str = "train",
    *,
    root: str | Path | None = None,
    download: bool = True,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool = True,
) -> Dataset:
    """USPS: digits from envelopes, white on black. (N, 1, 16, 16); ``split`` is train, test."""
    return load(USPS, split, root=root, download=download, device=device, dtype=dtype, progress=progress)


def svhn(
    split: str = "train",
    *,
    root: str | Path | None = None,
    download: bool = True,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool = True,
) -> Dataset:
    """SVHN: house numbers from the street, in colour; the label is the digit in the middle.

    (N, 3, 32, 32); ``split`` is train, test, extra.
    """
    return load(SVHN, split, root=root, download=download, device=device, dtype=dtype, progress=progress)


def cifar10(
    split: str = "train",
    *,
    root: str | Path | None = None,
    download: bool = True,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool = True,
) -> Dataset:
    """CIFAR-10: tiny photographs of vehicles and animals, in colour. (N, 3, 32, 32); ``split`` is train, test."""
    return load(CIFAR10, split, root=root, download=download, device=device, dtype=dtype, progress=progress)


def cifar100(
    split: str = "train",
    *,
    root: str | Path | None = None,
    download: bool = True,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool = True,
) -> Dataset:
    """CIFAR-100: tiny photographs of a hundred things, in colour. (N, 3, 32, 32); ``split`` is train, test."""
    return load(CIFAR100, split, root=root, download=download, device=device, dtype=dtype, progress=progress)


def stl10(
    split: str = "train",
    *,
    root: str | Path | None = None,
    download: bool = True,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool = True,
) -> Dataset:
    """STL-10: photographs of vehicles and animals, in colour; unlabelled ones have the label -1.

    (N, 3, 96, 96); ``split`` is train, test, unlabeled.
    """
    return load(STL10, split, root=root, download=download, device=device, dtype=dtype, progress=progress)

"""Data: real and bundled (``digits``, ``faces``, ``photographs``), simulated (``simulate``), public (``mnist`` …).

Every loader returns a ``Dataset``: tensors ``x`` and ``y``, the names of the ``classes``, and ``about``: licence and
citation. Importing this package imports neither scikit-learn nor scikit-image nor torchvision; the call does.
"""

from labkit.data import simulate
from labkit.data.blend import over_photographs, pictures, under_lamp
from labkit.data.clips import Clip, read_clip
from labkit.data.dataset import About, DataError, Dataset, Texts
from labkit.data.download import fetch
from labkit.data.embedded import PHOTOGRAPHS, digits, faces, photograph, photographs
from labkit.data.films import Films, movielens_100k
from labkit.data.public import cifar10, cifar100, fashion_mnist, mnist, stl10, svhn, usps
from labkit.data.tables import adult

__all__ = [
    "PHOTOGRAPHS",
    "About",
    "Clip",
    "DataError",
    "Dataset",
    "Films",
    "Texts",
    "adult",
    "cifar10",
    "cifar100",
    "digits",
    "faces",
    "fashion_mnist",
    "fetch",
    "mnist",
    "movielens_100k",
    "over_photographs",
    "photograph",
    "photographs",
    "pictures",
    "read_clip",
    "simulate",
    "stl10",
    "svhn",
    "under_lamp",
    "usps",
]

"""Data: real and bundled (``digits``, ``faces``, ``photographs``), simulated (``simulate``), public (``mnist`` …).

Every loader returns a ``Dataset``: tensors ``x`` and ``y``, the names of the ``classes``, and ``about``: licence and
citation. Importing this package imports neither scikit-learn nor scikit-image nor torchvision; the call does.
"""

from labkit.data import simulate
from labkit.data.dataset import About, DataError, Dataset, Texts
from labkit.data.embedded import PHOTOGRAPHS, digits, faces, photograph, photographs

__all__ = [
    "PHOTOGRAPHS",
    "About",
    "DataError",
    "Dataset",
    "Texts",
    "digits",
    "faces",
    "photograph",
    "photographs",
    "simulate",
]

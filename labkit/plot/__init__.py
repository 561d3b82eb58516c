"""Pictures of results. Each function takes results and returns a figure that describes itself.

A figure shows itself when it is the last value of a notebook's cell, or through ``display(figure)``; it is
kept nowhere else. ``figure.alt`` says in words what it shows, ``figure.png()`` is the file.
"""

from labkit.plot.curves import histories, lines
from labkit.plot.distributions import histogram
from labkit.plot.pictures import images, pairs
from labkit.plot.points import points
from labkit.plot.roc import roc
from labkit.plot.series import series
from labkit.plot.style import PALETTE, Figure
from labkit.plot.tables import bars, confusion

__all__ = [
    "PALETTE",
    "Figure",
    "bars",
    "confusion",
    "histogram",
    "histories",
    "images",
    "lines",
    "pairs",
    "points",
    "roc",
    "series",
]

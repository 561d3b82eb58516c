"""Pictures of results. Each function takes results and returns a figure that describes itself."""

from labkit.plot.pictures import images, pairs
from labkit.plot.style import PALETTE, Figure

__all__ = ["PALETTE", "Figure", "images", "pairs"]

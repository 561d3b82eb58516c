"""The house style: a figure that describes itself, its colours, and how it shows in a notebook.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), which people with any of the common forms
of colour blindness can tell apart; sequential maps grow darker steadily. The style holds inside labkit's own
drawing only: the user's rcParams stay as they are. Figures are never registered with pyplot, so a notebook
shows each once, and none stays in memory.
"""

import base64
import html
import io
import sys
import textwrap
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

WIDTH = 8.0  # inches: the width of a notebook's page
DPI = 144  # pixels an inch: crisp on ordinary and on fine screens
CSS_PIXELS = 96  # a browser's pixels an inch
SMALLEST = 9.0  # points: 12 pixels in a browser, the least that is read without effort

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#000000",
)
# Okabe and Ito's yellow is left out: on white it is too faint for a line.
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
INK, SOFT, FAINT = "#222222", "#6b6b6b", "#e4e4e4"
SEQUENTIAL = LinearSegmentedColormap.from_list("labkit", ["#ffffff", "#cfe3f1", "#6aaed6", BLUE, "#00395c"])

STYLE: dict[Any, Any] = {
    "figure.dpi": DPI,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, and has every sign
    "font.size": 9.0,
    "text.color": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.titlepad": 8.0,
    "axes.labelsize": 9.0,
    "axes.labelcolor": SOFT,
    "axes.facecolor": "white",
    "axes.edgecolor": "#b8b8b8",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.xmargin": 0.03,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": "#b8b8b8",
    "xtick.labelcolor": SOFT,
    "xtick.labelsize": SMALLEST,
    "ytick.color": "#b8b8b8",
    "ytick.labelcolor": SOFT,
    "ytick.labelsize": SMALLEST,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "image.interpolation": "auto",
}


class Figure(MatplotlibFigure):
    """A matplotlib figure with a description.

    In a notebook it shows as an image with that description as alternative text. JupyterLab drops the ``alt`` of
    a plain PNG output, so the image comes as HTML, and alone: a PNG beside it would double the notebook's size.

    Attributes:
        alt: what the figure shows, in words.
    """

    alt: str = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        FigureCanvasAgg(self)  # draws into memory, whatever window the user's pyplot would open

    def png(self) -> bytes:
        """The figure as a PNG file, with its description inside."""
        buffer = io.BytesIO()
        with house():
            self.savefig(buffer, format="png", dpi=DPI, metadata={"Description": self.alt, "Software": None})
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        shows_itself()
        png, alt = self.png(), html.escape(self.alt, quote=True)
        data = base64.b64encode(png).decode("ascii")
        width = round(self.get_figwidth() * CSS_PIXELS)
        style = "max-width: 100%; height: auto; background: white"
        image = f'<img alt="{alt}" width="{width}" style="{style}" src="data:image/png;base64,{data}">'
        return {"text/plain": f"Figure: {self.alt}", "text/html": image}, {}


def shows_itself() -> None:
    """Keep IPython from drawing a figure of ours a second time, as the PNG that pyplot has it make of every figure."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        for kind in ("image/png", "image/jpeg", "image/svg+xml"):
            shell.display_formatter.formatters[kind].for_type(Figure, lambda _: None)


@contextmanager
def house() -> Iterator[None]:
    """Within the block matplotlib draws in the house style; afterwards its settings are the user's again."""
    with matplotlib.rc_context(STYLE):
        yield


def panels(n: int, *, height: float, width: float = WIDTH, **shared: Any) -> tuple[Figure, list[Axes]]:
    """A figure with ``n`` axes side by side, ``width`` by ``height`` inches. Call it inside ``house()``."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(1, n, **shared)))


def wrap(text: str, inches: float, *, size: float = 9.0) -> str:
    """``text`` broken into lines that fit into ``inches`` at a font of ``size`` points."""
    letters = max(4, int(inches / (size * 0.6 / 72)))
    return "\n".join(textwrap.fill(line, letters) for line in text.splitlines())


def listed(names: Sequence[str], *, most: int = 12) -> str:
    """``names`` as a phrase; of a long list only the beginning."""
    names = [" ".join(str(name).split()) for name in names]
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def heading(figure: Figure, axes: Axes, title: str) -> None:
    """The title, and below it in a row the names of what has a name in ``axes``, above all panels."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        # As the legend's own title: matplotlib would lay a title of the figure over it.
        legend(
            figure,
            handles,
            labels,
            title=title or None,
            title_fontsize=10.5,
            alignment="left",
            loc="outside upper left",
            ncols=min(4, len(labels)),
            handlelength=1.4,
            borderpad=0.2,
        )
    elif title:
        figure.suptitle(title, x=0.01, ha="left", size=10.5)


def legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str], *, ncols: int, **style: Any) -> None:
    """A figure's legend in ``ncols`` columns, or in fewer, if they would be cut off."""
    made = figure.legend(handles, labels, ncols=ncols, **style)
    if ncols > 1 and made.get_window_extent().width > figure.bbox.width:
        made.remove()
        legend(figure, handles, labels, ncols=ncols - 1, **style)


def pale(colour: str) -> tuple[float, float, float]:
    """A pale, opaque shade of a colour: grid lines don't show through."""
    red, green, blue = (0.65 + 0.35 * part for part in to_rgb(colour))
    return red, green, blue


def array(values: Any) -> np.ndarray:
    """Numbers as an array of float64, from wherever they lie: tensors, lists of tensors, lists, arrays."""
    if isinstance(values, list | tuple):
        values = [array(v) if isinstance(v, Tensor | list | tuple) else v for v in values]
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=float)


def shares(values: np.ndarray, *, most: float = 1.0) -> tuple[float, float]:
    """Between which numbers a band around ``values`` makes sense: from 0 to ``most`` if all of them may be shares."""
    return (0.0, most) if bool(((values >= 0) & (values <= most)).all()) else (-np.inf, np.inf)


def colours(names: Collection[Any]) -> list[str]:
    """A colour for each name.

    Raises:
        ValueError: if there are more than can be told apart.
    """
    if len(names) > len(PALETTE):
        raise ValueError(f"there are {len(names)} things to tell apart by colour; expected at most {len(PALETTE)}")
    return list(PALETTE[: len(names)])

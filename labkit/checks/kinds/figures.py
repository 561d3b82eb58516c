"""What a figure of Matplotlib shows, as plain data: what is drawn in each of its axes, and what is written there.

Colours, sizes and limits are left out: a check that asks for them takes them from the figure itself.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import numpy as np

DRAWN = ("lines", "bars", "points", "pictures")
WRITTEN = ("title", "xlabel", "ylabel", "legend", "names", "xscale", "yscale")
PARTS = (*DRAWN, *WRITTEN)


class Picture(dict[str, Any]):
    """What a figure shows: its axes under ``"axes"``, each a dictionary with the parts in ``PARTS``."""


def is_figure(value: object) -> TypeGuard[Any]:
    """Whether a value is a figure or axes; Matplotlib itself is not imported for the question."""
    figure, axes = sys.modules.get("matplotlib.figure"), sys.modules.get("matplotlib.axes")
    return (figure is not None and isinstance(value, figure.FigureBase)) or (
        axes is not None and isinstance(value, axes.Axes)
    )


def is_axes_array(value: object) -> bool:
    """Whether a value is an array of axes, as ``plt.subplots`` gives it."""
    return (
        isinstance(value, np.ndarray) and value.dtype == object and value.size > 0 and all(map(is_figure, value.flat))
    )


def picture(value: Any) -> Picture:
    """What a figure, axes or an array of axes show."""
    if isinstance(value, np.ndarray):
        found = list(value.flat)
    else:
        found = list(value.axes) if isinstance(value, sys.modules["matplotlib.figure"].FigureBase) else [value]
    return Picture(axes=[shown(axes) for axes in found])


def shown(axes: Any) -> dict[str, Any]:
    """What one of a figure's axes shows."""
    patches = sys.modules["matplotlib.patches"]
    bars = [
        (p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in axes.patches if isinstance(p, patches.Rectangle)
    ]
    legend = axes.get_legend()
    return {
        "lines": [np.stack([numbers(line.get_xdata()), numbers(line.get_ydata())]) for line in axes.get_lines()],
        "bars": np.asarray(bars, dtype=np.float64).reshape(-1, 4),
        "points": [numbers(c.get_offsets()) for c in axes.collections if hasattr(c, "get_sizes")],
        "pictures": [numbers(image.get_array()) for image in axes.get_images()],
        "title": str(axes.get_title()),
        "xlabel": str(axes.get_xlabel()),
        "ylabel": str(axes.get_ylabel()),
        "legend": [] if legend is None else [str(text.get_text()) for text in legend.get_texts()],
        "names": categories(axes),
        "xscale": str(axes.get_xscale()),
        "yscale": str(axes.get_yscale()),
    }


def numbers(values: Any) -> Any:
    """What is drawn, as doubles; texts along an axis are their positions."""
    plain = np.ma.filled(np.ma.asarray(values), np.nan) if np.ma.isMaskedArray(values) else np.asarray(values)
    try:
        return plain.astype(np.float64)
    except (TypeError, ValueError):
        return np.arange(plain.size, dtype=np.float64).reshape(plain.shape)


def categories(axes: Any) -> list[str]:
    """The texts along an axis whose places are texts, or that stand in place of the numbers."""
    for axis in (axes.xaxis, axes.yaxis):
        mapping = getattr(getattr(axis, "units", None), "_mapping", None)
        if mapping:
            return [str(name) for name in mapping]
        fixed = getattr(axis.get_major_formatter(), "seq", None)  # of `set_xticks(…, labels)`
        if fixed:
            return [str(text) for text in fixed]
    return []


def part_of(seen: Picture, parts: Sequence[str]) -> Picture:
    """A picture with some of its parts only."""
    return Picture(axes=[{name: axes[name] for name in parts} for axes in seen["axes"]])


def describe(seen: Picture) -> str:
    """A picture in a line."""
    return "a figure: " + ("; ".join(map(of_axes, seen["axes"])) or "no axes")


def of_axes(axes: dict[str, Any]) -> str:
    """One of its axes in words."""
    drawn = [
        f"{len(axes[name])} {name if len(axes[name]) != 1 else name[:-1]}" for name in DRAWN if len(axes.get(name, ()))
    ]
    written = [f"{name} {axes[name]!r}" for name in ("title", "xlabel", "ylabel", "legend") if axes.get(name)]
    return ", ".join([*drawn, *written]) or "empty axes"


def opened() -> Callable[[], None]:
    """A function that closes the figures of pyplot which were opened since: a check shows none of them."""
    before = set(numbered())

    def close() -> None:
        for number in set(numbered()) - before:
            sys.modules["matplotlib.pyplot"].close(number)

    return close


def numbered() -> list[int]:
    """The figures that pyplot holds open."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return list(pyplot.get_fignums()) if pyplot and hasattr(pyplot, "get_fignums") else []

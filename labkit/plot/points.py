"""Points in the plane, and what a classifier makes of it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from labkit.plot.style import WIDTH, Figure, array, colours, heading, house, legend, panels

MARKERS = ("o", "^", "s", "x", "v", "D", "+")
# From the palest blue of the first set to the palest vermilion of the second: value 1 is the second's class.
GROUND = LinearSegmentedColormap.from_list("ground", ["#b9d7ea", "#ffffff", "#f3cdb3"])
GRID = 120  # places along a side at which a field is asked


def points(
    sets: Mapping[str, Mapping[str, Any]],
    *,
    fields: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    alt: str = "",
) -> Figure:
    """A panel for each entry of ``sets``, with a colour and a marker for each set of points in it.

    Args:
        sets: by panel and by label, points (n, 2). The same label has the same colour in every panel.
        fields: by panel, a function from points (m, 2) to values (m,) in [0, 1], say the probability of a class; shown
            as a pale ground with a line where it is ½.
        limits: ((left, right), (bottom, top)) of all panels; of all points with a margin if they are not given.
        xlabel, ylabel: of the axes.
        title: above the plot.
        alt: the description, if the one made from the numbers is not good enough.

    Raises:
        ValueError: if there is no panel, or a set isn't (n, 2).
    """
    arrays = {name: {label: array(v) for label, v in panel.items()} for name, panel in sets.items()}
    every = [v for panel in arrays.values() for v in panel.values()]
    if not every or any(v.ndim != 2 or v.shape[1] != 2 for v in every):
        raise ValueError(f"the sets have shapes {[v.shape for v in every]}; expected one or more of (n, 2)")
    labels = list(dict.fromkeys(label for panel in arrays.values() for label in panel))
    shade, mark = dict(zip(labels, colours(labels))), dict(zip(labels, MARKERS * len(labels)))
    (left, right), (bottom, top) = limits or margins(np.concatenate(every))
    with house():
        figure, axes = panels(len(arrays), height=min(3.2, 1.0 + WIDTH / len(arrays)), sharex=True, sharey=True)
        for ax, (name, panel) in zip(axes, arrays.items()):
            if fields and name in fields:
                ground(ax, fields[name], (left, right), (bottom, top))
            for label, v in panel.items():
                ax.scatter(
                    v[:, 0], v[:, 1], s=9, marker=mark[label], color=shade[label], linewidth=0.7, alpha=0.7, label=label
                )
            ax.set(xlim=(left, right), ylim=(bottom, top), title=name, xlabel=xlabel)
            ax.grid(False)
        axes[0].set_ylabel(ylabel)
        if len(labels) > 1:
            drawn = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels())}
            legend(figure, list(drawn.values()), list(drawn), loc="outside lower center", ncols=len(labels))
        if title:
            heading(figure, axes[0], title) if len(axes) == 1 else figure.suptitle(
                title, x=0.01, ha="left", fontsize=10
            )
    summary = "; ".join(
        f"{name}: " + ", ".join(f"{len(v)} points {label} around ({v[:, 0].mean():.2g}, {v[:, 1].mean():.2g})"
                                for label, v in panel.items())
        for name, panel in arrays.items()
    )  # fmt: skip
    figure.alt = alt or f"{f'{title}: ' if title else ''}{summary}."
    return figure


def margins(v: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """A little more than from the smallest to the largest, along each axis."""
    low, high = v.min(0), v.max(0)
    more = 0.06 * np.maximum(high - low, 1e-6)
    return (float(low[0] - more[0]), float(high[0] + more[0])), (float(low[1] - more[1]), float(high[1] + more[1]))


def ground(ax: Any, field: Callable[[Tensor], Tensor], x: tuple[float, float], y: tuple[float, float]) -> None:
    """The field as a pale ground, and the line where it is ½."""
    across, up = torch.linspace(*x, GRID), torch.linspace(*y, GRID)
    places = torch.stack(torch.meshgrid(across, up, indexing="xy"), dim=-1).reshape(-1, 2)
    with torch.no_grad():
        values = field(places).reshape(GRID, GRID).numpy()
    ax.imshow(values, extent=(*x, *y), origin="lower", cmap=GROUND, vmin=0, vmax=1, aspect="auto", zorder=0)
    if values.min() < 0.5 < values.max():
        ax.contour(across.numpy(), up.numpy(), values, levels=[0.5], colors="#222222", linewidths=1.2)

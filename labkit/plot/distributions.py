"""How values are spread."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from labkit.plot.style import WIDTH, Figure, array, colours, heading, house, panels


def histogram(
    values: Mapping[str, Any] | Tensor,
    *,
    bins: int = 40,
    limits: tuple[float, float] | None = None,
    xlabel: str = "",
    title: str = "",
    alt: str = "",
) -> Figure:
    """Histograms on top of each other, as outlines over pale areas; all have the same bins and add up to 1.

    Args:
        values: numbers of any shape, or such for each label.
        bins: their number.
        limits: the first and last edge; the smallest and largest value if they are not given. What lies
            outside counts in the bin next to it.
        xlabel: what the values are, with their unit.
        title: above the plot.
        alt: the description, if the one made from the numbers is not good enough.

    Raises:
        ValueError: if there are no values, one is nan or infinite, or there are no bins.
    """
    labelled = values if isinstance(values, Mapping) else {"": values}
    series = {label: array(v).reshape(-1) for label, v in labelled.items()}
    if bins < 1:
        raise ValueError(f"bins is {bins}; expected 1 or more")
    for label, v in series.items():
        if len(v) == 0 or not np.isfinite(v).all():
            raise ValueError(f"the values{f' of {label}' if label else ''} are none, or not finite; expected numbers")
    low, high = limits or (min(v.min() for v in series.values()), max(v.max() for v in series.values()))
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    with house():
        figure, (ax,) = panels(1, height=2.6, width=0.75 * WIDTH)
        for colour, (label, v) in zip(colours(series), series.items()):
            share = np.histogram(v.clip(edges[0], edges[-1]), edges)[0] / len(v)
            ax.stairs(share, edges, fill=True, color=colour, alpha=0.18, linewidth=0)
            ax.stairs(share, edges, color=colour, linewidth=1.6, label=label or "_")
        ax.set(xlabel=xlabel, ylabel="share", xlim=(edges[0], edges[-1]))
        heading(figure, ax, title)
    ranges = [
        f"{label or 'values'} from {v.min():.3g} to {v.max():.3g}, mean {v.mean():.3g}" for label, v in series.items()
    ]
    head = f"{title}: histogram" if title else "Histogram"
    figure.alt = alt or f"{head}{f' of the {xlabel}' if xlabel else ''}: {'; '.join(ranges)}."
    return figure

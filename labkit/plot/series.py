"""Time series: small charts side by side."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from labkit.plot.style import FAINT, PALETTE, SOFT, VERMILION, WIDTH, Figure, array, heading, house, listed


def series(
    values: Mapping[str, Any],
    *,
    before: Any = None,
    masks: Mapping[str, Tensor] | None = None,
    columns: int = 4,
    sharey: bool = True,
    xlabel: str = "step",
    title: str = "",
    alt: str = "",
) -> Figure:
    """One small chart for each label: the channels of a series as lines, over the same series as it was before.

    Args:
        values: for each label (C, T) or (T,).
        before: (C, T) or (T,), drawn in grey behind each.
        masks: for some labels (T,) bool: steps with a coloured ground.
        columns: charts in a row.
        sharey: whether all have the same scale.
        xlabel: what the steps are.
        title: above all charts.
        alt: the description, if the one made from the numbers is not good enough.

    Raises:
        ValueError: if there is nothing to show, or a series has more than two dimensions.
    """
    tables = {label: np.atleast_2d(array(v)) for label, v in values.items()}
    if not tables or any(table.ndim != 2 for table in tables.values()):
        raise ValueError(f"{listed(list(values)) or 'nothing'} to show; expected series (C, T) or (T,) by label")
    rows, marked = -(-len(tables) // columns), masks or {}
    with house():
        figure = Figure(figsize=(WIDTH, 1.35 * rows + 0.35), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
        for ax in axes.flat[len(tables) :]:
            ax.set_visible(False)
        for ax, (label, table) in zip(axes.flat, tables.items()):
            if before is not None:
                ax.plot(np.atleast_2d(array(before)).T, color=SOFT, linewidth=0.8, alpha=0.6)
            for colour, channel in zip(PALETTE * (1 + len(table) // len(PALETTE)), table):
                ax.plot(channel, color=colour, linewidth=1.1)
            if label in marked:
                inside = array(marked[label]).astype(bool)
                ax.fill_between(
                    np.arange(len(inside)), 0, 1, where=inside, step="mid", transform=ax.get_xaxis_transform(),
                    color=VERMILION, alpha=0.2, linewidth=0,
                )  # fmt: skip
            ax.set_title(label, fontsize=9, pad=3)
            ax.tick_params(color=FAINT)
        for ax in axes[-1]:
            ax.set_xlabel(xlabel)
        heading(figure, axes.flat[0], "")
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    ranges = "; ".join(f"{label} from {t.min():.3g} to {t.max():.3g}" for label, t in tables.items())
    figure.alt = alt or f"{title or 'Series'}: {ranges}."
    return figure

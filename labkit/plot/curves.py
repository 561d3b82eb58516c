"""Curves with bands over seeds: training histories, and whatever depends on a number."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from labkit.plot.style import SOFT, WIDTH, Figure, array, colours, heading, house, listed, panels, shares

Quantities = Mapping[str, Sequence[float]]
Seeds = Quantities | Sequence[Quantities]


def histories(
    histories: Seeds | Mapping[str, Seeds],
    *,
    name: str | Sequence[str] | None = None,
    title: str = "",
    alt: str = "",
) -> Figure:
    """How training went: a panel for each quantity, the mean over seeds as a line, ± one deviation as a band.

    A quantity and its ``val_`` twin share a panel: training is dashed, validation solid. Where some seeds
    stopped earlier, the curve goes as far as all of them went.

    Args:
        histories: one history (as ``fit`` returns it, or a dict of lists), a list of them (seeds), or a dict of
            either, which compares what its keys name.
        name: the quantity to show, or several; all of them if it is not given.
        title: above all panels.
        alt: the description, if the one made from the numbers is not good enough.

    Raises:
        ValueError: if a quantity is not in a history, or there is nothing to show.
    """
    groups = _groups(histories)
    names = [name] if isinstance(name, str) else list(name or _names(groups))
    for label, seeds in groups.items():
        for wanted in names:
            if any(wanted not in seed for seed in seeds):
                raise ValueError(
                    f"nothing is called {wanted!r} in {label or 'the history'}; it has {listed(list(seeds[0]))}"
                )
    topics = [n for n in names if not (n.startswith("val_") and n.removeprefix("val_") in names)]
    if not topics:
        raise ValueError("there is no quantity to show; expected at least one")
    with house():
        figure, axes = panels(len(topics), height=2.9, width=WIDTH if len(topics) > 1 else 0.75 * WIDTH)
        sentences = []
        for ax, topic in zip(axes, topics):
            twin = f"val_{topic}" if f"val_{topic}" in names else None
            most = 0.0 if "loss" in topic else 1.0  # a loss is no share, wherever it lies
            for colour, (label, seeds) in zip(colours(groups), groups.items()):
                if twin:
                    _curve(ax, _table(seeds, topic), colour, dashed=True, most=most)
                sentences.append(
                    _last(
                        label, twin or topic, _curve(ax, _table(seeds, twin or topic), colour, label=label, most=most)
                    )
                )
            ax.set_title(_words(topic).capitalize())
            ax.set_xlabel("epoch")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
            _twin_legend(ax, twin)
        heading(figure, axes[0], title)
    most = max(len(seeds) for seeds in groups.values())
    over = f", mean and deviation over {most} seeds" if most > 1 else ""
    shown = listed([_words(topic) for topic in topics])
    figure.alt = alt or f"{title or 'Training histories'}: {shown} by epoch{over}. {' '.join(sentences)}"
    return figure


def lines(
    series: Mapping[str, Any],
    *,
    x: Sequence[float] | Tensor | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    log: str = "",
    diagonal: bool = False,
    markers: bool = True,
    alt: str = "",
) -> Figure:
    """Lines over a common or their own x, with bands where there are seeds.

    Args:
        series: for each label y (n,), or (seeds, n), which shows as mean and band of ± one deviation; or a pair
            (x, y) where the lines have their own x (ROC curves). Where all y lie from 0 to 1 (or from 0 to 100, and
            ``ylabel`` has a %), they are taken for shares, and their band ends there.
        x: (n,), for all that have none of their own; 0, 1, 2, … if it is not given.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        title: above the plot.
        log: which axes are logarithmic: ``"x"``, ``"y"`` or ``"xy"``.
        diagonal: whether to draw y = x for comparison (chance, or perfect calibration).
        markers: whether to mark the points.
        alt: the description, if the one made from the numbers is not good enough.

    Raises:
        ValueError: if there is nothing to show, or x and y are not equally long.
    """
    if not series:
        raise ValueError("there are no lines; expected at least one")
    if not set(log) <= {"x", "y"}:
        raise ValueError(f"log is {log!r}; expected 'x', 'y' or 'xy'")
    sentences, most = [], 100.0 if "%" in ylabel else 1.0
    with house():
        figure, (ax,) = panels(1, height=3.4, width=0.75 * WIDTH)
        if diagonal:
            ax.axline((0, 0), slope=1, color="#b8b8b8", linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
        for colour, (label, values) in zip(colours(series), series.items()):
            own, y = values if isinstance(values, tuple) else (x, values)
            table = np.atleast_2d(array(y))
            at = np.arange(table.shape[1]) if own is None else array(own)
            if table.ndim != 2 or at.shape != table.shape[1:]:
                raise ValueError(f"{label!r} has x of shape {at.shape} and y of shape {table.shape}; expected as many")
            mean = _curve(ax, table, colour, x=at, label=label, marker="o" if markers else "", most=most)
            sentences.append(f"{label}: from {mean[0]:.3g} at {at[0]:.3g} to {mean[-1]:.3g} at {at[-1]:.3g}.")
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.set_xscale("log" if "x" in log else "linear")
        ax.set_yscale("log" if "y" in log else "linear")
        heading(figure, ax, title)
    figure.alt = alt or f"{title or 'Lines'}: {ylabel or 'y'} over {xlabel or 'x'}. {' '.join(sentences)}"
    return figure


def _groups(histories: Any) -> dict[str, list[Quantities]]:
    """Whatever was given as lists of histories by label; the label of an only one is empty."""
    if not isinstance(histories, Mapping):
        groups = {"": list(histories)}
    elif all(isinstance(v, Mapping) or (len(v) and isinstance(v[0], Mapping)) for v in histories.values()):
        groups = {label: [v] if isinstance(v, Mapping) else list(v) for label, v in histories.items()}
    else:
        groups = {"": [histories]}
    if not groups or not all(groups.values()):
        raise ValueError("there is no history to show; expected at least one")
    return groups


def _names(groups: Mapping[str, list[Quantities]]) -> list[str]:
    """The quantities that every history has, in their order."""
    every = [seed for seeds in groups.values() for seed in seeds]
    return [name for name in every[0] if all(name in seed for seed in every)]


def _table(seeds: Sequence[Quantities], name: str) -> np.ndarray:
    """(seeds, epochs), as far as all of them went."""
    epochs = min(len(seed[name]) for seed in seeds)
    if epochs == 0:
        raise ValueError(f"{name!r} has no epoch to show; expected at least one")
    return np.array([list(seed[name])[:epochs] for seed in seeds], dtype=float)


def _curve(
    ax: Axes,
    table: np.ndarray,
    colour: str,
    *,
    x: np.ndarray | None = None,
    label: str = "",
    marker: str = "",
    dashed: bool = False,
    most: float = 1.0,
) -> np.ndarray:
    """A mean line, and ± one sample deviation where there are two seeds or more. Returns the mean."""
    x = np.arange(1, table.shape[1] + 1) if x is None else x
    mean = table.mean(0)
    style: dict[str, Any] = {"linestyle": (0, (3, 2)), "linewidth": 1.2, "alpha": 0.75} if dashed else {}
    # A line of one point is no line: mark it.
    style["marker"] = marker or ("o" if len(x) == 1 else "")
    ax.plot(x, mean, color=colour, label=label or "_", markersize=4, **style)
    if len(table) > 1:
        deviation = table.std(0, ddof=1)
        low, high = shares(table, most=most)
        band = (mean - deviation).clip(low, high), (mean + deviation).clip(low, high)
        ax.fill_between(x, *band, color=colour, alpha=0.08 if dashed else 0.18, linewidth=0)
    return mean


def _twin_legend(ax: Axes, twin: str | None) -> None:
    """What dashed and solid mean, in the corner of the panel, where both occur."""
    if twin:
        ax.plot([], [], color=SOFT, linewidth=1.2, linestyle=(0, (3, 2)), label="_training")
        ax.plot([], [], color=SOFT, label="_validation")
        ax.legend(handles=ax.lines[-2:], labels=["training", "validation"], loc="best", labelcolor=SOFT)


def _words(name: str) -> str:
    """A quantity's name as a reader says it."""
    return (f"validation {name[4:]}" if name.startswith("val_") else name).replace("_", " ")


def _last(label: str, name: str, mean: np.ndarray) -> str:
    of = f" of {label}" if label else ""
    return f"{_words(name).capitalize()}{of} goes from {mean[0]:.3g} to {mean[-1]:.3g}."

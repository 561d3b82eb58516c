"""Confusion matrices, and comparisons of a number between methods."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from labkit.metrics import summary
from labkit.plot.style import (
    INK,
    SEQUENTIAL,
    SOFT,
    WIDTH,
    Figure,
    array,
    colours,
    heading,
    house,
    listed,
    pale,
    panels,
    shares,
)


def confusion(
    matrix: Tensor,
    classes: Sequence[object] | None = None,
    *,
    title: str = "",
    alt: str = "",
) -> Figure:
    """A confusion matrix: true classes are rows, predicted ones columns, the shade is the share of the row.

    Args:
        matrix: (k, k) counts, as ``metrics.confusion_matrix`` gives them.
        classes: k names; numbers if they are not given.
        title: above the matrix.
        alt: the description, if the one made from the numbers is not good enough.

    Raises:
        ValueError: if the matrix is not square, holds something else than counts, or the names don't match.
    """
    counts = array(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise ValueError(f"a confusion matrix has shape (k, k); this has shape {counts.shape}")
    if not (counts >= 0).all():
        raise ValueError("a confusion matrix holds counts from 0; this holds others")
    k = len(counts)
    names = [str(c) for c in (classes if classes is not None else range(k))]
    if len(names) != k:
        raise ValueError(f"there are {len(names)} class names for {k} classes; expected one for each")
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1e-12)
    side = min(WIDTH - 1.4, max(2.2, 0.46 * k if k <= 14 else 0.2 * k))
    with house():
        figure = Figure(figsize=(side + 1.3, side + 0.9 + 0.25 * bool(title)), layout="constrained")
        ax = figure.subplots()
        ax.imshow(share, cmap=SEQUENTIAL, vmin=0, vmax=1)
        if k <= 14:
            _numbers(ax, counts, share)
        _edges(ax, names, k)
        ax.set_title(title)
    wrong = share - np.diag(np.diag(share))
    i, j = np.unravel_index(wrong.argmax(), wrong.shape)
    worst = f" Most often confused: {wrong[i, j]:.0%} of {names[i]} are taken for {names[j]}." if wrong.max() else ""
    right = np.trace(counts) / max(counts.sum(), 1e-12)
    head = f"{title}: c" if title else "C"
    figure.alt = alt or f"{head}onfusion matrix of {k} classes: {right:.1%} of {counts.sum():.0f} right.{worst}"
    return figure


def bars(
    values: Mapping[str, Any],
    *,
    label: str = "",
    title: str = "",
    limits: tuple[float, float] | None = None,
    percent: bool = False,
    alt: str = "",
) -> Figure:
    """One number of several methods: a bar to the mean over seeds, ± one deviation, and every seed as a dot.

    Args:
        values: numbers (one a seed) by method; or for each group such a dict, to compare methods in groups.
        label: what the number is, with its unit.
        title: above the bars.
        limits: where the axis begins and ends. A bar's length is its number only if it begins at 0, so on an axis
            without 0 there are diamonds in place of bars.
        percent: show shares from 0 to 1 as per cent.
        alt: the description, if the one made from the numbers is not good enough.

    Raises:
        ValueError: if a method has no value, or the groups differ in their methods.
    """
    grouped = bool(values) and all(isinstance(v, Mapping) for v in values.values())
    groups = dict(values) if grouped else {"": dict(values)}
    methods = list(next(iter(groups.values())))
    if not methods or any(list(group) != methods for group in groups.values()):
        raise ValueError(f"every group needs the same methods, at least one; the first has {listed(methods) or 'none'}")
    scale = 100 if percent else 1
    table = {(g, m): scale * array(groups[g][m]).reshape(-1) for g in groups for m in methods}
    results = _summaries(table)
    with house():
        height = 0.75 + 0.3 * bool(title) + 0.3 * grouped + 0.36 * (len(table) + 0.7 * (len(groups) - 1))
        figure, (ax,) = panels(1, height=height, width=0.85 * WIDTH)
        places = {key: i + 0.7 * (i // len(methods)) for i, key in enumerate(table)}
        shades = dict(zip(methods, colours(methods) if grouped else colours([""]) * len(methods)))
        named = set(list(table)[: len(methods)]) if grouped else set()
        for key, at in places.items():
            mark = _bar if limits is None or limits[0] <= 0 <= limits[1] else _diamond
            mark(ax, at, table[key].mean(), shades[key[1]], key[1] if key in named else "_")
            _seeds(ax, at, table[key], shades[key[1]], most=float(scale))
            _result(ax, at, table[key], results[key])
        ticks = (
            {g: np.mean([places[g, m] for m in methods]) for g in groups}
            if grouped
            else dict(zip(methods, places.values()))
        )
        _finish(ax, ticks, label, limits)
        heading(figure, ax, title)
    sentences = [f"{' '.join(str(part) for part in reversed(key) if part)} {result}" for key, result in results.items()]
    figure.alt = alt or f"{title or 'Bars'}: {label or 'values'}: {listed(sentences, most=20)}."
    return figure


def _summaries(table: Mapping[Any, np.ndarray]) -> dict[Any, str]:
    """``mean ± deviation`` of each, all with as many digits as suit the largest deviation."""
    if any(len(v) == 0 for v in table.values()):
        raise ValueError("a method has no value to show; expected one a seed")
    results = {key: summary(v.tolist()) for key, v in table.items()}
    widest = max(results.values(), key=lambda result: -1 if math.isnan(result.std) else result.std)
    return {key: result.text(widest.digits) for key, result in results.items()}


def _bar(ax: Axes, at: float, mean: float, colour: str, name: str) -> None:
    """A pale bar from 0 to the mean."""
    ax.barh(at, mean, height=0.78, color=pale(colour), linewidth=0, label=name)


def _diamond(ax: Axes, at: float, mean: float, colour: str, name: str) -> None:
    """A diamond at the mean."""
    ax.scatter([mean], [at], s=70, marker="D", color=pale(colour), edgecolor=colour, linewidth=1.2, label=name)


def _seeds(ax: Axes, at: float, values: np.ndarray, colour: str, *, most: float) -> None:
    """Where there are several seeds: ± one deviation around their mean, not beyond what a share can be, and dots."""
    if len(values) > 1:
        mean, deviation = values.mean(), values.std(ddof=1)
        low, high = np.clip([mean - deviation, mean + deviation], *shares(values, most=most))
        whiskers = [[mean - low], [high - mean]]
        ax.errorbar(mean, at, xerr=whiskers, color=colour, linewidth=1.6, capsize=3, capthick=1.6)
        # Dots side by side rather than on top of each other; no chance in it.
        spread = np.linspace(-0.22, 0.22, len(values))
        ax.scatter(values, at + spread, s=13, color=colour, edgecolor="white", linewidth=0.5, zorder=3)


def _result(ax: Axes, at: float, values: np.ndarray, text: str) -> None:
    """The numbers to the right of the bar and its dots."""
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    right = max(values.max(), values.mean() + deviation)
    ax.annotate(text, (right, at), (7, 0), textcoords="offset points", va="center", color=SOFT)


def _finish(ax: Axes, ticks: Mapping[Any, Any], label: str, limits: tuple[float, float] | None) -> None:
    """Names at the left, numbers below."""
    ax.set_yticks(list(ticks.values()), [str(name) for name in ticks], color=INK, fontsize=9)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.invert_yaxis()
    ax.set_xlabel(label)
    if limits:
        ax.set_xlim(*limits)


def _numbers(ax: Axes, counts: np.ndarray, share: np.ndarray) -> None:
    """The counts in the cells; zeros stay empty."""
    for (i, j), count in np.ndenumerate(counts):
        if count:
            light = share[i, j] > 0.5
            ax.text(j, i, f"{count:g}", ha="center", va="center", color="white" if light else INK)


def _edges(ax: Axes, names: list[str], k: int) -> None:
    """Names along the edges, and white lines between the cells."""
    slanted = max(len(name) for name in names) > 4
    step = 1 if k <= 40 else k // 20
    ax.set_xticks(range(0, k, step), names[::step], rotation=40 if slanted else 0, ha="right" if slanted else "center")
    if slanted:
        for text in ax.get_xticklabels():
            text.set_rotation_mode("anchor")
    ax.set_yticks(range(0, k, step), names[::step])
    ax.set(xlabel="predicted", ylabel="true")
    ax.grid(visible=False)
    if k <= 14:
        ax.set_xticks(np.arange(0.5, k - 1), minor=True)
        ax.set_yticks(np.arange(0.5, k - 1), minor=True)
        ax.grid(visible=True, which="minor", color="#eeeeee", linewidth=1.0)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(k > 14)

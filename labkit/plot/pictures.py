"""Images in grids."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from torch import Tensor

from labkit.plot.style import SMALLEST, SOFT, WIDTH, Figure, house, listed, wrap
from labkit.shapes import images as checked

GAP, MARGIN, TITLE = 0.08, 0.06, 0.165  # inches: between images, around them, one line of text
LARGEST, SMALL = 2.2, 1.4  # inches: an image, one up to 32 pixels wide, is not blown up further
MOST = 400
DARK = 0.15  # mean brightness: what is below it is nearly black on most screens


class Tickless:
    """What makes an axis that never shows spare itself its ticks, which take longer than all else in a panel."""

    def set_clip_path(self, *_: Any, **__: Any) -> None:
        """There is nothing to clip."""

    def grid(self, *_: Any, **__: Any) -> None:
        """There is no grid."""

    def set_tick_params(self, *_: Any, **__: Any) -> None:
        """There are no ticks to have any."""


class Across(Tickless, XAxis):
    """The horizontal axis of a picture."""


class Down(Tickless, YAxis):
    """The vertical axis of a picture."""


class Panel(Axes):
    """The axes of a picture."""

    def _init_axis(self) -> None:
        self.xaxis, self.yaxis = Across(self, clear=False), Down(self, clear=False)
        for axis, names in ((self.xaxis, ("bottom", "top")), (self.yaxis, ("left", "right"))):
            for name in names:
                self.spines[name].register_axis(axis)


def images(
    x: Tensor | Sequence[Tensor],
    *,
    titles: Sequence[object] | None = None,
    rows: Sequence[object] | None = None,
    columns: int | None = None,
    title: str = "",
    limits: tuple[float, float] = (0.0, 1.0),
    stretch: bool = False,
    colours: str = "gray",
    alt: str = "",
) -> Figure:
    """Images side by side, in reading order.

    Args:
        x: (B, C, H, W) with one or three channels, or a list of (C, H, W) of any sizes. What lies outside the
            limits is shown as the nearest limit.
        titles: one above each image, or one above each column.
        rows: names of the rows, to their left.
        columns: images in a row; as many as look well if it is not given.
        title: above all of them.
        limits: the values that are black and white; ``(-e, e)`` for a perturbation.
        stretch: show what is nearly black (a mean below 0.15 of the range) brighter, so that its brightest hundredth is
            white, with the factor in its title.
        colours: the matplotlib colour map of images with one channel, say ``"viridis"`` for a map of values.
        alt: the description, if the one made from the titles is not good enough.

    Raises:
        ValueError: if ``x`` is not images, there are none or too many, one holds nan, or the titles don't match.
    """
    pictures = _pictures(x, limits)
    n = len(pictures)
    columns = columns or _columns(n)
    if columns < 1:
        raise ValueError(f"columns is {columns}; expected 1 or more")
    columns = min(columns, n)
    heads = [str(t) for t in titles or []]
    if heads and len(heads) not in (n, columns):
        raise ValueError(f"there are {len(heads)} titles for {n} images in {columns} columns; expected one for each")
    if stretch:
        pictures, heads = _stretched(pictures, heads)
    names = [str(name) for name in rows or []]
    if names and len(names) != -(-n // columns):
        raise ValueError(f"there are {len(names)} row names for {-(-n // columns)} rows; expected one for each")
    figure = _grid(pictures, columns, heads, names, title, colours)
    figure.alt = alt or _describe(pictures, heads, names, title)
    return figure


def pairs(
    before: Tensor | Sequence[Tensor],
    after: Tensor | Sequence[Tensor],
    *,
    names: tuple[str, str] = ("before", "after"),
    titles: Sequence[object] | None = None,
    title: str = "",
    difference: bool = False,
    alt: str = "",
) -> Figure:
    """Two rows of images: each of ``after`` stands below its ``before``.

    Args:
        before: (B, C, H, W) with one or three channels, or a list of (C, H, W).
        after: as many; their size may differ.
        names: of the two rows.
        titles: one above each pair.
        title: above all of them.
        difference: whether to add a third row, ``after - before``, in which grey is no change, and the largest
            change is black or white.
        alt: the description, if the one made from the names is not good enough.

    Raises:
        ValueError: if there are not as many after as before, or not of the same size where the difference is
            wanted, or ``images`` would raise it.
    """
    if len(before) != len(after):
        raise ValueError(f"there are {len(before)} images before and {len(after)} after; expected as many")
    if titles is not None and len(titles) != len(before):
        raise ValueError(f"there are {len(titles)} titles for {len(before)} pairs; expected one for each")
    both, labels = [*before, *after], list(names)
    if difference:
        if any(b.shape != a.shape for b, a in zip(before, after)):
            raise ValueError("a difference needs images of one size before and after; these differ")
        change = [b.detach() - a.detach() for a, b in zip(before, after)]
        largest = max(float(c.abs().max()) for c in change)
        both += [0.5 + c / (2 * largest or 1) for c in change]
        labels.append(f"difference (±{largest:.2g})")
    return images(both, titles=titles, rows=labels, columns=len(before), title=title, alt=alt)


def _pictures(x: Tensor | Sequence[Tensor], limits: tuple[float, float]) -> list[np.ndarray]:
    """The images as arrays (H, W) or (H, W, 3) in [0, 1]."""
    batches = [checked(x)] if isinstance(x, Tensor) else [_single(image) for image in x]
    n = sum(len(batch) for batch in batches)
    if not 1 <= n <= MOST:
        raise ValueError(f"there are {n} images; expected 1 to {MOST}")
    low, high = limits
    if not low < high:
        raise ValueError(f"the limits are {limits}; expected the lower one first")
    pictures = []
    for batch in batches:
        if batch.shape[1] not in (1, 3) or 0 in batch.shape:
            raise ValueError(f"only images with 1 or 3 channels can be shown; these have shape {tuple(batch.shape)}")
        values = ((batch.detach().float() - low) / (high - low)).clamp(0, 1).cpu()
        if bool(values.isnan().any()):
            raise ValueError("the images hold nan, which is no colour; expected numbers")
        pictures += [image.permute(1, 2, 0).squeeze(-1).numpy() for image in values]
    return pictures


def _stretched(pictures: list[np.ndarray], heads: list[str]) -> tuple[list[np.ndarray], list[str]]:
    """Nearly black pictures brighter, and the titles of all with the factors."""
    heads = heads + [""] * (len(pictures) - len(heads))
    factors = [1 / (np.quantile(p, 0.99) or p.max() or 1) if p.mean() < DARK else 1.0 for p in pictures]
    told = [f"{head} (×{factor:.2g})".strip() if factor > 1 else head for head, factor in zip(heads, factors)]
    bright = [(picture * factor).clip(0, 1) for picture, factor in zip(pictures, factors)]
    return bright, told if any(told) else []


def _single(image: Tensor) -> Tensor:
    """One image (C, H, W) as a batch."""
    if isinstance(image, Tensor) and image.ndim != 3:
        raise ValueError(f"a list of images holds tensors (C, H, W); this one has shape {tuple(image.shape)}")
    return checked(image[None] if isinstance(image, Tensor) else image)


def _columns(n: int) -> int:
    """A number of columns that makes a wide grid with full rows where possible."""
    if n <= 8:
        return n
    return max(range(5, 13), key=lambda k: (n % k == 0, -abs(k - 8)))


def _grid(
    pictures: list[np.ndarray], columns: int, heads: list[str], names: list[str], title: str, colours: str
) -> Figure:
    """The figure. Every place is computed in inches: there is nothing to lay out, and it is fast."""
    rows = -(-len(pictures) // columns)
    label = min(1.6, 0.1 + max(0.074 * len(name) for name in names)) if names else 0.0
    largest = SMALL if max(p.shape[1] for p in pictures) <= 32 else LARGEST
    side = min(largest, (WIDTH - 2 * MARGIN - label - GAP * (columns - 1)) / columns)
    tall = side * max(min(p.shape[0] / p.shape[1], 2.5) for p in pictures)
    heads = [wrap(head, side, size=SMALLEST) for head in heads]
    above = heads if len(heads) == len(pictures) else heads + [""] * (len(pictures) - len(heads))
    lines = [max(_lines(head) for head in above[r * columns : (r + 1) * columns]) for r in range(rows)]
    width = max(label + side * columns + GAP * (columns - 1) + 2 * MARGIN, min(WIDTH, 0.095 * len(title)))
    banner = 0.34 if title else 0.0
    height = banner + 2 * MARGIN + rows * tall + sum(lines) * TITLE + (rows - 1) * GAP
    with house():
        figure = Figure(figsize=(width, height))
        if title:
            figure.text(MARGIN / width, 1 - 0.1 / height, title, va="top", size=10.5)
        top = height - banner - MARGIN
        for i, picture in enumerate(pictures):
            r, c = divmod(i, columns)
            bottom = top - sum(lines[: r + 1]) * TITLE - (r + 1) * tall - r * GAP
            left = MARGIN + label + c * (side + GAP)
            axes = figure.add_axes((left / width, bottom / height, side / width, tall / height), axes_class=Panel)
            _show(axes, picture, above[i], colours)
            if names and c == 0:
                at = ((MARGIN + label - 0.1) / width, (bottom + tall / 2) / height)
                figure.text(*at, wrap(names[r], label), ha="right", va="center", size=9.0, color=SOFT)
    return figure


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def _show(axes: Axes, picture: np.ndarray, head: str, colours: str) -> None:
    """One image without a frame; pixels of small images stay squares."""
    smooth = "nearest" if max(picture.shape[:2]) <= 96 else "auto"
    axes.imshow(picture, cmap=colours, vmin=0, vmax=1, interpolation=smooth)
    axes.set_axis_off()
    axes.set_anchor("N")
    axes.set_title(head, size=SMALLEST, loc="center", pad=3, linespacing=1.15, y=1.0)


def _describe(pictures: list[np.ndarray], heads: list[str], names: list[str], title: str) -> str:
    """The grid in words."""
    sizes = {p.shape[:2] for p in pictures}
    size = f" of {min(sizes)[0]}×{min(sizes)[1]} pixels" if len(sizes) == 1 else ""
    parts = [f"{title}: " if title else "", f"{len(pictures)} image{'s' * (len(pictures) > 1)}{size}"]
    names, heads = ([text for text in texts if text.strip()] for texts in (names, heads))
    parts.append(f" in rows {listed(names)}" if names else "")
    parts.append(f", titled {listed(heads)}" if heads else "")
    return "".join(parts) + "."

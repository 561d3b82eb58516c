"""Charts as SVG, drawn piece by piece: every method of ``Axes`` adds one and returns the axes.

    Axes((0, 10), (0, 1)).line(x, y, colour=BLUE).dots(x[:1], y[:1]).yticks([0, 0.5, 1]).svg("Accuracy by round.")

A figure of matplotlib takes about a tenth of a second, too long where three are redrawn for each step of a slider;
these take a millisecond. No chart tells anything by colour alone.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from labkit.explore.svg import DASHES, INK, ink, shape, svg, swatch, text
from labkit.shapes import Int

WIDTH, HEIGHT = 230, 140  # units of the SVG: of a chart, and of the field between its axes
LEFT, RIGHT = 40, 14  # margins, wide enough for the labels of ticks
LINE, LETTER = 15, 6.8  # units from one line of text to the next, and of a letter at most, about
CRISP = 'shape-rendering="crispEdges"'

Values = Sequence[float] | Tensor


class Bar(NamedTuple):
    """A bar that lies: what stands before it, its length, what stands behind it, and its colour."""

    label: str
    value: float
    words: str
    colour: str = INK
    bold: bool = False


def numbers(values: Values) -> list[float]:
    """The values as a list."""
    return values.tolist() if isinstance(values, Tensor) else list(values)


def stairs(heights: Values) -> tuple[list[float], list[float]]:
    """The outline of a histogram over [0, 1]: its corners, from left to right."""
    heights = numbers(heights)
    edges = [i / len(heights) for i in range(len(heights) + 1)]
    return [x for pair in pairwise(edges) for x in pair], [h for h in heights for _ in "ab"]


class Axes:
    """A chart whose points are in the units of its data.

    Args:
        xlim: the values at the left and the right edge.
        ylim: those at the bottom and the top; the other way round, y grows downward.
        width: of the whole chart, in units of the SVG; text is 12 units high.
        height: of the field between the axes; what stands above and below comes on top of it.
        left, right: the margins.
    """

    def __init__(
        self,
        xlim: tuple[float, float],
        ylim: tuple[float, float],
        *,
        width: float = WIDTH,
        height: float = HEIGHT,
        left: float = LEFT,
        right: float = RIGHT,
    ) -> None:
        self.xlim, self.ylim = xlim, ylim
        self.width, self.height, self.left, self.right = width, height, left, width - right
        self.parts: list[str] = []
        self.lines_above: list[str] = []
        self.below = 4.0  # units that are taken below the field

    def x(self, value: float) -> float:
        """Where a value lies across, in units of the SVG."""
        return self.left + (self.right - self.left) * (value - self.xlim[0]) / (self.xlim[1] - self.xlim[0])

    def y(self, value: float) -> float:
        """Where a value lies down, from the upper edge of the field."""
        return self.height - self.height * (value - self.ylim[0]) / (self.ylim[1] - self.ylim[0])

    def line(
        self, xs: Values, ys: Values, *, colour: str = INK, dash: bool = False, width: float = 2, opacity: float = 1
    ) -> "Axes":
        """A line through points."""
        points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in zip(numbers(xs), numbers(ys)))
        style = f'stroke="{ink(colour)}" stroke-width="{width}" opacity="{opacity}"{DASHES if dash else ""}'
        self.parts.append(f'<polyline points="{points}" fill="none" {style}/>')
        return self

    def rule(
        self, *, x: float | None = None, y: float | None = None, dash: bool = True, opacity: float = 0.6
    ) -> "Axes":
        """A line across the field at ``y``, or from bottom to top at ``x``."""
        xs = self.xlim if x is None else (x, x)
        return self.line(xs, self.ylim if y is None else (y, y), dash=dash, width=1.3, opacity=opacity)

    def band(self, xs: Values, low: Values, high: Values, *, colour: str = INK, opacity: float = 0.2) -> "Axes":
        """The area between two lines."""
        there = zip(numbers(xs), numbers(low))
        back = reversed(list(zip(numbers(xs), numbers(high))))
        points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in [*there, *back])
        self.parts.append(f'<polygon points="{points}" fill="{ink(colour)}" opacity="{opacity}"/>')
        return self

    def dots(
        self,
        xs: Values,
        ys: Values,
        *,
        colour: str = INK,
        mark: str = "circle",
        size: float = 3,
        edge: float = 0,
        hollow: bool = False,
        opacity: float = 1,
    ) -> "Axes":
        """Marks at points: circle, square, triangle, cross or plus.

        Args:
            xs, ys: the points.
            colour: of the marks.
            mark: their kind.
            size: half of a mark's width.
            edge: width of an edge in the colour of text.
            hollow: draw the outline alone.
            opacity: of the marks.
        """
        fill = "none" if hollow else ink(colour)
        stroke = ink(colour) if hollow else INK if edge else "none"
        style = f'fill="{fill}" stroke="{stroke}" stroke-width="{edge or 1.6}" opacity="{opacity}"'
        if mark in ("cross", "plus"):
            style = f'fill="none" stroke="{ink(colour)}" stroke-width="{edge or 2}" opacity="{opacity}"'
        places = zip(numbers(xs), numbers(ys))
        self.parts += [shape(mark, self.x(x), self.y(y), size, style) for x, y in places]
        return self

    def columns(
        self, edges: Values, heights: Values, *, base: float = 0, colour: str = INK, opacity: Values = (1.0,)
    ) -> "Axes":
        """Upright bars between neighbouring edges, from ``base``; one opacity each, or one for all."""
        edges, heights, shades = numbers(edges), numbers(heights), numbers(opacity)
        shades = shades * len(heights) if len(shades) == 1 else shades
        for a, b, height, shade in zip(edges, edges[1:], heights, shades):
            self._box(a, b, base, base + height, f'fill="{ink(colour)}" opacity="{shade:.2f}"', gap=0.8)
        return self

    def bars(self, rows: Sequence[Bar]) -> "Axes":
        """Bars that lie, from x = 0 to their values, the i-th between y = i and i + 1; pale without colour."""
        for i, (label, value, words, colour, bold) in enumerate(rows):
            shade = 0.3 if colour == INK else 1
            self._box(0, value, i + 0.14, i + 0.86, f'fill="{ink(colour)}" opacity="{shade}"')
            self.text(0, i + 0.5, label, dx=-6, dy=4, anchor="end", bold=bold)
            self.text(value, i + 0.5, words, dx=5, dy=4, bold=bold)
        return self

    def regions(
        self, classes: Int[Tensor, "r c"], *, colours: Sequence[str], opacity: float | Sequence[float] = 0.18
    ) -> "Axes":
        """The ground: a grid of classes over the whole field, row by row from the top, each in its colour."""
        rows, columns = classes.shape
        across, down = ((b - a) / n for (a, b), n in ((self.xlim, columns), (self.ylim[::-1], rows)))
        shades = [opacity] * len(colours) if isinstance(opacity, float) else list(opacity)
        for i, row in enumerate(classes.tolist()):
            begin = 0
            for j in range(1, columns + 1):
                # A box for each run of one class: a tenth of the boxes, and no seams within it.
                if j == columns or row[j] != row[begin]:
                    style = f'fill="{ink(colours[row[begin]])}" opacity="{shades[row[begin]]}" {CRISP}'
                    top = self.ylim[1] + i * down
                    self._box(self.xlim[0] + begin * across, self.xlim[0] + j * across, top, top + down, style)
                    begin = j
        return self

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        dx: float = 0,
        dy: float = 0,
        anchor: str = "start",
        soft: bool = False,
        bold: bool = False,
    ) -> "Axes":
        """Words at a point, moved by (dx, dy) units to the right and down."""
        self.parts.append(text(self.x(x) + dx, self.y(y) + dy, words, anchor=anchor, soft=soft, bold=bold))
        return self

    def xticks(
        self, values: Values, labels: Sequence[str] = (), *, name: str = "", bold: Sequence[float] = ()
    ) -> "Axes":
        """Labels below the field, with the axis and its name; those at values in ``bold`` are set in bold."""
        self.rule(y=self.ylim[0], dash=False, opacity=0.4)
        self.below += LINE
        for value, label in zip(numbers(values), labels or [f"{v:g}" for v in numbers(values)]):
            x, half = self.x(value), LETTER * len(label) / 2
            self.parts.append(f'<path d="M{x:.1f} {self.height} v3" stroke="currentColor" opacity="0.4"/>')
            # A label is in the middle below its value, unless the chart ends before the label does.
            x, heavy = min(max(x, half), self.width - half), value in bold
            self.parts.append(text(x, self.height + LINE, label, anchor="middle", soft=not heavy, bold=heavy))
        if name:
            self.below += LINE
            centre = (self.left + self.right) / 2
            self.parts.append(text(centre, self.height + self.below - 2, name, anchor="middle", soft=True))
        return self

    def yticks(self, values: Values, labels: Sequence[str] = (), *, grid: bool = True, side: str = "left") -> "Axes":
        """Labels at the left or right, and lines of a grid from them across the field."""
        for value, label in zip(numbers(values), labels or [f"{v:g}" for v in numbers(values)]):
            if grid:
                self.rule(y=value, dash=False, opacity=0.18)
            x, anchor = (self.left - 5, "end") if side == "left" else (self.right + 5, "start")
            self.parts.append(text(x, self.y(value) + 4, label, anchor=anchor, soft=True))
        return self

    def above(self, words: str, *, key: str = "", colour: str = INK, end: bool = False, bold: bool = False) -> "Axes":
        """A line of text above the field; ``end``: at the right of the last line.

        Args:
            words: the text.
            key: a sample before it: ``"line"``, ``"dash"``, ``"area"``, or a mark of ``dots``.
            colour: of the sample.
            end: whether it goes to the right of the line before.
            bold: whether it is bold.
        """
        if not end:
            self.lines_above.append("")
        y = LINE * len(self.lines_above) - 4
        self.lines_above[-1] += self._note(words, y, key=key, colour=colour, end=end, bold=bold)
        return self

    def under(self, words: str, *, key: str = "", colour: str = INK, end: bool = False, bold: bool = False) -> "Axes":
        """A line of text below the field and the labels of its ticks; the arguments are those of ``above``."""
        if not end:
            self.below += LINE
        self.parts.append(self._note(words, self.height + self.below - 2, key=key, colour=colour, end=end, bold=bold))
        return self

    def aside(self, words: str) -> "Axes":
        """Words along the left edge, upward from the lower corner."""
        place = f'transform="translate({self.left - 6:.1f} {self.height}) rotate(-90)"'
        self.parts.append(f"<g {place}>{text(0, 0, words, soft=True)}</g>")
        return self

    def svg(self, alt: str) -> str:
        """The chart, which says in words what it shows."""
        top = LINE * len(self.lines_above) + 8
        field = f'<g transform="translate(0 {top})">{"".join(self.parts)}</g>'
        return svg([*self.lines_above, field], self.width, top + self.height + self.below + 3, alt)

    def _box(self, x0: float, x1: float, y0: float, y1: float, style: str, *, gap: float = 0) -> None:
        left, right = sorted((self.x(x0), self.x(x1)))
        top, bottom = sorted((self.y(y0), self.y(y1)))
        size = f'width="{right - left - gap:.1f}" height="{bottom - top:.1f}"'
        self.parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" {size} {style}/>')

    def _note(self, words: str, y: float, *, key: str, colour: str, end: bool, bold: bool) -> str:
        x = self.width if end else 0.0
        sample = swatch(key, x - 16 if end else x, y - 4, colour) if key else ""
        x += 0 if not key else -22 if end else 22
        return sample + text(x, y, words, anchor="end" if end else "start", bold=bold)

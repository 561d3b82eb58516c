"""Charts that several explorers show, and words, tables and code as HTML."""

import html
from collections.abc import Sequence

import torch
from torch import Tensor

from labkit.explore.axes import Axes, Bar, stairs
from labkit.explore.svg import BLUE, INK, VERMILION
from labkit.shapes import Float


def shares(x: Float[Tensor, "c h w"], *, bins: int = 32) -> Float[Tensor, "c {bins}"]:
    """The share of pixels in each of ``bins`` equal parts of [0, 1], a channel at a time."""
    index = (x.clamp(0, 1) * bins).long().clamp_max(bins - 1).flatten(1)
    ones = torch.ones_like(index, dtype=x.dtype)
    return x.new_zeros(x.shape[0], bins).scatter_add_(1, index, ones) / index.shape[1]


def histogram(before: Tensor, after: Tensor, *, names: Sequence[str]) -> str:
    """Histograms (C, bins) of two pictures on top of each other as SVG, a strip for each channel.

    The scale is that of the first picture, so that it stays where it is while the second one changes, and without
    its blackest and whitest bins, which dwarf the others. What is taller is cut off, and says how tall it is.
    """
    left = 44 if len(names) > 1 else 8
    axes = Axes((0, 1), (len(names), 0), left=left, right=8)
    axes.above("original", key="area").above("result", key="line", colour=BLUE, end=True)
    for i, (name, old, new) in enumerate(zip(names, before, after)):
        most = max(float(old[1:-1].max()) * 1.2, 0.02)
        area, line = (i + 1 - 0.86 * (v / most).clamp_max(1) for v in (old, new))
        xs, edge = stairs(area)
        axes.band(xs, [i + 1] * len(xs), edge)
        axes.line([0, *xs, 1], [i + 1, *stairs(line)[1], i + 1], colour=BLUE, width=1.6)
        axes.rule(y=i + 1, dash=False, opacity=0.35)
        if len(names) > 1:
            axes.text(0, i + 0.6, name, dx=-6, anchor="end")
        cut_off(axes, new, most, i + 0.14)
    axes.xticks([0, 1], ["0 (dark)", "1 (bright)"])
    means = [f"{n} mean {middle(b):.2f} before, {middle(a):.2f} after" for n, b, a in zip(names, before, after)]
    return axes.svg(f"Histogram of the values of pixels: {'; '.join(means)}.")


def cut_off(axes: Axes, values: Tensor, most: float, top: float) -> None:
    """Say how tall the tallest bars of the dark and of the bright half are, where they are cut off at ``top``."""
    half = len(values) // 2
    for begin, anchor, aside in ((0, "start", 5), (half, "end", -5)):
        place = begin + int(values[begin : begin + half].argmax())
        if values[place] > most:
            tall = f"▲ {float(values[place]):.0%}"
            axes.text((place + 0.5) / len(values), top, tall, dx=aside, dy=8, anchor=anchor)


def middle(values: Tensor) -> float:
    """The mean of a histogram."""
    centres = (torch.arange(len(values), dtype=values.dtype) + 0.5) / len(values)
    return float((values * centres).sum())


def opinion(probabilities: Tensor, *, truth: int) -> str:
    """Probabilities (K,) of classes as horizontal bars in SVG; the true class has a mark, the largest its number."""
    best = int(probabilities.argmax())
    rows = []
    for k, p in enumerate(probabilities.tolist()):
        words = [f"{p:.0%}"] if p >= 0.005 else []
        words += ["✓ true" if k == best else "◂ true"] if k == truth else ["✗"] if k == best else []
        colour = INK if k != best else BLUE if best == truth else VERMILION
        rows.append(Bar(str(k), p, " ".join(words), colour, bold=k in (best, truth)))
    axes = Axes((0, 1), (len(rows), 0), height=17 * len(rows), left=22, right=94).bars(rows)
    verdict = "which is right" if best == truth else f"but it is a {truth}"
    return axes.svg(f"The classifier says {best} with {float(probabilities[best]):.0%}, {verdict}.")


def note(words: str) -> str:
    """A paragraph of plain words."""
    return f'<div style="line-height: 1.5">{html.escape(words)}</div>'


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, before: str = "", after: str = "") -> str:
    """A table, with words before and after it; no head where all of its words are empty."""
    top = "".join(f"<th>{html.escape(word)}</th>" for word in head)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    cells = f"<table>{f'<tr>{top}</tr>' if any(head) else ''}{body}</table>"
    return f'<div style="line-height: 1.5">{html.escape(before)}{cells}{html.escape(after)}</div>'


def listing(lines: str) -> str:
    """Lines of code to copy."""
    style = "margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; word-break: normal; line-height: 1.45"
    style += "; font-family: var(--jp-code-font-family, monospace)"
    return f'<pre style="{style}">{html.escape(lines)}</pre>'

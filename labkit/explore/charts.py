"""Pictures and small charts for explorers, drawn in a few milliseconds: a slider has to feel attached to them.

A figure of matplotlib takes about a tenth of a second, too long where three are redrawn for each step of a slider.
Pictures are PNG files by Pillow, charts are SVG, whose letters are as sharp as the page's and follow its theme.
Colours are those of ``labkit.plot``, and no chart tells anything by colour alone.
"""

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from labkit.plot import PALETTE
from labkit.shapes import Float

BLUE, VERMILION = PALETTE[:2]
BAR = 132  # units of the SVG: how long a probability of 1 is
CRISP = 96  # pixels: smaller pictures are blown up by whole numbers, so that their pixels stay squares
SHOWN = 480  # pixels: how large small pictures become at least
FONT = "font-family: var(--jp-ui-font-family, sans-serif); font-size: 11px"


@dataclass(frozen=True)
class Picture:
    """An image (C, H, W) in [0, 1] with one or three channels, and what it shows in words."""

    x: Tensor
    alt: str

    def png(self) -> bytes:
        """The image as a PNG file; one of few pixels is blown up without smoothing."""
        values = self.x.detach().cpu().clamp(0, 1).mul(255).round().byte()
        array = values.permute(1, 2, 0).contiguous().numpy()
        picture = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
        largest = max(picture.size)
        if largest <= CRISP:
            factor = -(-SHOWN // largest)
            picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
        buffer = io.BytesIO()
        picture.save(buffer, format="png", compress_level=1)
        return buffer.getvalue()


def shares(x: Float[Tensor, "c h w"], *, bins: int = 32) -> Float[Tensor, "c {bins}"]:
    """The share of pixels in each of ``bins`` equal parts of [0, 1], a channel at a time."""
    index = (x.clamp(0, 1) * bins).long().clamp_max(bins - 1).flatten(1)
    ones = torch.ones_like(index, dtype=x.dtype)
    return x.new_zeros(x.shape[0], bins).scatter_add_(1, index, ones) / index.shape[1]


def histogram(before: Tensor, after: Tensor, *, names: Sequence[str], width: int = 250, height: int = 176) -> str:
    """Histograms (C, bins) of two pictures on top of each other as SVG, a strip for each channel.

    The scale is that of the first picture, so that it stays where it is while the second one changes, and without
    its blackest and whitest bins, which dwarf the others. What is taller is cut off, and says how tall it is.
    """
    left, top, bottom = (40 if len(names) > 1 else 8), 20, 16
    strip = (height - top - bottom) / len(names)
    parts = [legend(left)]
    for i, name in enumerate(names):
        base, tall = top + (i + 1) * strip, strip - 12
        most = max(float(before[i, 1:-1].max()) * 1.2, 0.02)
        area, line = (steps(v[i], most, left, width - 4, base, tall) for v in (before, after))
        parts.append(f'<path d="{area} V{base:.1f} H{left} Z" fill="currentColor" opacity="0.22"/>')
        parts.append(f'<path d="{line}" fill="none" stroke="{BLUE}" stroke-width="1.6"/>')
        parts.append(f'<path d="M{left} {base:.1f} H{width - 4}" stroke="currentColor" opacity="0.35"/>')
        if len(names) > 1:
            parts.append(text(left - 6, base - tall / 2 + 4, name, anchor="end"))
        parts += cut_off(after[i], most, left, width - 4, base - tall)
    parts.append(text(left, height - 3, "0 (dark)", soft=True))
    parts.append(text(width - 4, height - 3, "1 (bright)", anchor="end", soft=True))
    means = [f"{n} mean {middle(b):.2f} before, {middle(a):.2f} after" for n, b, a in zip(names, before, after)]
    return svg(parts, width, height, f"Histogram of the values of pixels: {'; '.join(means)}.")


def steps(values: Tensor, most: float, left: float, right: float, base: float, tall: float) -> str:
    """The outline of a histogram as the path of an SVG, cut off at ``most``."""
    wide = (right - left) / len(values)
    tops = [base - tall * min(v / most, 1.0) for v in values.tolist()]
    corners = [f"V{y:.1f} H{left + (i + 1) * wide:.1f}" for i, y in enumerate(tops)]
    return f"M{left} {base:.1f} {' '.join(corners)}"


def cut_off(values: Tensor, most: float, left: float, right: float, top: float) -> list[str]:
    """How tall the tallest bars of the dark and of the bright half are, where they are cut off."""
    wide, half = (right - left) / len(values), len(values) // 2
    labels = []
    for begin, anchor, aside in ((0, "start", 5), (half, "end", -5)):
        place = begin + int(values[begin : begin + half].argmax())
        if values[place] > most:
            x = left + (place + 0.5) * wide + aside
            labels.append(text(x, top + 8, f"▲ {float(values[place]):.0%}", anchor=anchor))
    return labels


def middle(values: Tensor) -> float:
    """The mean of a histogram."""
    centres = (torch.arange(len(values), dtype=values.dtype) + 0.5) / len(values)
    return float((values * centres).sum())


def legend(left: float) -> str:
    """What the area and the line of a histogram are."""
    return (
        f'<rect x="{left}" y="3" width="12" height="9" fill="currentColor" opacity="0.22"/>'
        + text(left + 17, 11, "original")
        + f'<path d="M{left + 76} 8 h14" stroke="{BLUE}" stroke-width="1.6"/>'
        + text(left + 95, 11, "result")
    )


def opinion(probabilities: Tensor, *, truth: int, width: int = 250, height: int = 176) -> str:
    """Probabilities (K,) of classes as horizontal bars in SVG; the true class has a mark, the largest its number."""
    best = int(probabilities.argmax())
    row = height / len(probabilities)
    colour = BLUE if best == truth else VERMILION
    parts = []
    for k, p in enumerate(probabilities.tolist()):
        y = k * row
        shade = f'fill="{colour}"' if k == best else 'fill="currentColor" opacity="0.3"'
        parts.append(f'<path d="M26 {y + 1:.1f} v{row - 2:.1f}" stroke="currentColor" opacity="0.35"/>')
        parts.append(f'<rect x="26" y="{y + 2:.1f}" width="{p * BAR:.1f}" height="{row - 4:.1f}" {shade}/>')
        parts.append(text(19, y + row / 2 + 4, str(k), anchor="end", bold=k == truth))
        words = [f"{p:.0%}"] if p >= 0.005 else []
        words += ["✓ true" if k == best else "◂ true"] if k == truth else ["✗"] if k == best else []
        parts.append(text(30 + p * BAR, y + row / 2 + 4, " ".join(words), bold=k in (best, truth)))
    verdict = "which is right" if best == truth else f"but it is a {truth}"
    return svg(parts, width, height, f"The classifier says {best} with {float(probabilities[best]):.0%}, {verdict}.")


def text(x: float, y: float, words: str, *, anchor: str = "start", soft: bool = False, bold: bool = False) -> str:
    """A piece of text in an SVG."""
    style = (' opacity="0.65"' if soft else "") + (' font-weight="700"' if bold else "")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor"{style}>{html.escape(words)}</text>'
    )


def svg(parts: Sequence[str], width: int, height: int, alt: str) -> str:
    """An SVG that says what it shows."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="100%" role="img"'
    label = html.escape(alt, quote=True)
    return f'{head} aria-label="{label}" style="{FONT}; display: block"><title>{label}</title>{"".join(parts)}</svg>'


def note(words: str) -> str:
    """A paragraph of plain words."""
    return f'<div style="line-height: 1.5">{html.escape(words)}</div>'


def listing(lines: str) -> str:
    """Lines of code to copy."""
    style = "margin: 0; white-space: pre-wrap; line-height: 1.45; font-family: var(--jp-code-font-family, monospace)"
    return f'<pre style="{style}">{html.escape(lines)}</pre>'

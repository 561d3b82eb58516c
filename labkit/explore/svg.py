"""The pieces that charts are made of, as SVG: colours that follow the page's theme, marks, words.

Letters are as sharp as the page's. Colours are given as those of ``labkit.plot``; a dark page shows lighter forms.
"""

import html
from collections.abc import Sequence

from labkit.plot import PALETTE

BLUE, VERMILION, GREEN, ORANGE = PALETTE[:4]
INK = "currentColor"
DARK = ("#4AA8E0", "#F5843C", "#2DBE94", "#F0B440", "#DF9CC3", "#8FD0F5", "#E6E6E6")
"""What the colours of ``PALETTE`` become on a dark page, so that lines and marks stand out there, too."""

FONT = "font-family: var(--jp-ui-font-family, sans-serif); font-size: 12px"
DASHES = ' stroke-dasharray="5 3"'
MARKS: dict[str, list[list[tuple[float, float]]]] = {
    "square": [[(-1, -1), (1, -1), (1, 1), (-1, 1)]],
    "triangle": [[(0, -1.2), (1.15, 1), (-1.15, 1)]],
    "cross": [[(-1, -1), (1, 1)], [(-1, 1), (1, -1)]],
    "plus": [[(-1, 0), (1, 0)], [(0, -1), (0, 1)]],
}
"""The strokes of marks in units of their half width, y downward; one alone is closed."""


def ink(colour: str) -> str:
    """The colour as the page shows it: one of ``PALETTE`` has a lighter form in the dark theme."""
    return f"var(--labkit-{PALETTE.index(colour)}, {colour})" if colour in PALETTE else colour


def theme() -> str:
    """The rule of CSS that puts the lighter colours in force."""
    values = " ".join(f"--labkit-{i}: {colour};" for i, colour in enumerate(DARK))
    return f"[data-jp-theme-light='false'] .labkit-explorer {{ {values} }}"


def shape(mark: str, x: float, y: float, size: float, style: str) -> str:
    """A mark of the given half width at a point: circle, square, triangle, cross or plus."""
    if mark == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" {style}/>'
    strokes = [" L".join(f"{x + size * u:.1f} {y + size * v:.1f}" for u, v in stroke) for stroke in MARKS[mark]]
    end = " Z" if len(strokes) == 1 else ""
    return f'<path d="M{" M".join(strokes)}{end}" {style}/>'


def swatch(key: str, x: float, y: float, colour: str) -> str:
    """A sample of a line, an area or a mark, 16 units wide, around (x + 8, y)."""
    if key in ("line", "dash"):
        dashes = DASHES if key == "dash" else ""
        return f'<path d="M{x:.1f} {y:.1f} h16" stroke="{ink(colour)}" stroke-width="2"{dashes}/>'
    if key == "area":
        return f'<rect x="{x + 2:.1f}" y="{y - 5:.1f}" width="12" height="10" fill="{ink(colour)}" opacity="0.22"/>'
    outline = key in ("cross", "plus")
    style = f'fill="none" stroke="{ink(colour)}" stroke-width="2"' if outline else f'fill="{ink(colour)}"'
    return shape(key, x + 8, y, 4, style)


def icon(mark: str, colour: str) -> str:
    """A mark within a line of HTML, next to the word that says what it is."""
    box = 'viewBox="-1.4 -1.4 2.8 2.8" width="11" height="11" aria-hidden="true"'
    style = f'fill="none" stroke="{ink(colour)}" stroke-width="0.7"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{shape(mark, 0, 0, 1, style)}</svg>'


def text(x: float, y: float, words: str, *, anchor: str = "start", soft: bool = False, bold: bool = False) -> str:
    """A piece of text in an SVG; nothing for no words."""
    if not words:
        return ""
    style = (' opacity="0.7"' if soft else "") + (' font-weight="700"' if bold else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}"{style}>{html.escape(words)}</text>'


def svg(parts: Sequence[str], width: float, height: float, alt: str) -> str:
    """An SVG that says what it shows.

    Raises:
        ValueError: if it says nothing.
    """
    if not alt.strip():
        raise ValueError("the description of a chart is empty; expected a sentence for those who can't see it")
    label = html.escape(alt, quote=True)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="100%" role="img"'
    return f'{head} aria-label="{label}" style="{FONT}; display: block">{"".join(parts)}</svg>'

"""Rendered digits and letters: a simulator of handwriting.

A character is a few strokes, lines through a handful of points of the box |x| ≤ 0.6, |y| ≤ 1. A writer makes
it his own: stretches, slants and turns it, is unsteady (a smooth displacement of the paper), and presses the pen
more or less. A pixel is inked by its distance to the nearest stroke. Some digits have two forms (7 with a bar,
4 open or closed), and each writer takes one of them.
"""

import re
from functools import cache
from math import pi

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number, Planes, Range
from labkit.data.simulate.strokes import STROKES
from labkit.shapes import Bool, Float, Labels, PerSample, Tensor

ABOUT = About(name="glyphs", licence="simulated: free of rights", source="simulated")
Lines = Float[Tensor, "b p 2"]
Pen = Bool[Tensor, "b p-1"]
POINTS_A_SPAN = 4
"""Straight pieces between two points of a round stroke."""


def glyphs(
    n: int,
    *,
    generator: torch.Generator | None = None,
    size: int = 28,
    characters: str = "0123456789",
    scale: Range = (0.6, 0.78),
    stretch: Range = (0.75, 1.15),
    slant: Range = (-0.1, 0.4),
    rotation: Range = (-8.0, 8.0),
    shift: Number = 0.06,
    thickness: Range = (0.06, 0.12),
    jitter: Number = 0.1,
    contrast: Range = (0.8, 1.0),
    noise: Number = 0.0,
) -> Dataset:
    """Handwritten-looking characters, white on black, (n, 1, size, size) in [0, 1]; the label is the character.

    Args:
        n: how many; every character equally often.
        generator: the source of all randomness, and the device.
        size: pixels along a side: 28 looks like MNIST; for scikit-learn's 8×8 digits take 32 and average 4×4.
        characters: some of 0–9 and A–Z.
        scale: range of half the character's height, as a share of half the image.
        stretch: range of its width, 1 for the shape as designed.
        slant: range of the shear: by how much x moves to the right for each step up.
        rotation: range of the angle in degrees, counter-clockwise.
        shift: the centre lies within ± this share of half the image.
        thickness: range of the pen's width, as a share of the image's side.
        jitter: how far the hand strays, as a share of half the character's height.
        contrast: range of the ink's brightness.
        noise: standard deviation of the noise on each pixel.

    Returns:
        A data set whose ``extra`` holds ``scale``, ``stretch``, ``slant``, ``rotation`` (degrees), ``thickness``,
        and ``contrast`` of each image, (n,) each.

    Raises:
        ValueError: if a character has no strokes here or a range is impossible.
    """
    check(n, characters, scale=scale, stretch=stretch, thickness=thickness, contrast=contrast)
    labels = draw.balanced(generator, n, len(characters))
    ranges = {"scale": scale, "stretch": stretch, "slant": slant, "rotation": rotation,
              "thickness": thickness, "contrast": contrast}  # fmt: skip
    extra = {name: draw.uniform(generator, (n,), limits) for name, limits in ranges.items()}
    points, drawn = written(characters, labels, generator)
    points = by_hand(points, extra, jitter=jitter, generator=generator)
    centre = draw.uniform(generator, (n, 1, 2), (-shift, shift))
    distance = to_strokes((points + centre) * size / 2, drawn, size)
    ink = draw.cover(distance - draw.column(extra["thickness"]) * size / 2) * draw.column(extra["contrast"])
    ink = ink + noise * draw.normal(generator, tuple(ink.shape))
    return Dataset(ink.clamp(0, 1).unsqueeze(1), labels, tuple(characters), ABOUT, extra)


def by_hand(points: Lines, extra: dict[str, PerSample], *, jitter: Number, generator: torch.Generator | None) -> Lines:
    """The points (n, P, 2) as this writer puts them: displaced, stretched, slanted, turned, scaled."""
    n = len(points)
    wave = draw.uniform(generator, (n, 1, 3, 2, 2), (-2.5, 2.5))
    phase = draw.uniform(generator, (n, 1, 3, 2), (0, 2 * pi))
    stray = torch.sin((points[:, :, None, None] * wave).sum(-1) + phase).mean(2)
    x, y = (points + 1.7 * jitter * stray).unbind(-1)
    x = x * extra["stretch"][:, None] - extra["slant"][:, None] * y
    turn = extra["rotation"][:, None] * pi / 180
    x, y = turn.cos() * x + turn.sin() * y, turn.cos() * y - turn.sin() * x
    return torch.stack([x, y], -1) * draw.column(extra["scale"])


def to_strokes(points: Lines, drawn: Pen, size: int) -> Planes:
    """Distance (n, size, size) in pixels to the nearest of the pieces between successive points that are drawn."""
    chunks = zip(points.split(draw.CHUNK), drawn.split(draw.CHUNK))
    return torch.cat([to_strokes_of_few(few, pen, size) for few, pen in chunks])


def to_strokes_of_few(points: Lines, drawn: Pen, size: int) -> Planes:
    """As ``to_strokes``, for as many images as the processor's cache holds."""
    x, y = draw.pixels(size, points.device)
    far = torch.full((len(points), size, size), 4.0 * size, device=points.device)
    for p in range(points.shape[1] - 1):
        distance = draw.segment(x, y, points[:, p], points[:, p + 1])
        far = torch.where(draw.column(drawn[:, p]), torch.minimum(far, distance), far)
    return far


def written(characters: str, labels: Labels, generator: torch.Generator | None) -> tuple[Lines, Pen]:
    """The designed points (n, P, 2) for the labels, one of each character's forms, and whether piece p is drawn."""
    forms = [(k, *form) for k, name in enumerate(characters) for form in designs(name)]
    longest = max(len(points) for _, points, _ in forms)
    table = torch.zeros(len(forms), longest, 2)
    drawn = torch.zeros(len(forms), longest - 1, dtype=torch.bool)
    for i, (_, points, pen) in enumerate(forms):
        table[i, : len(points)] = torch.tensor(points)
        drawn[i, : len(pen)] = torch.tensor(pen)
    counts = torch.bincount(torch.tensor([k for k, _, _ in forms]))
    start = (counts.cumsum(0) - counts).to(labels.device)
    choice = draw.uniform(generator, (len(labels),), (0, 1)) * counts.to(labels.device)[labels]
    row = start[labels] + choice.long()
    return table.to(labels.device)[row], drawn.to(labels.device)[row]


@cache
def designs(name: str) -> list[tuple[list[tuple[float, float]], list[bool]]]:
    """The forms of a character: points of all strokes in a row, and for each piece whether the pen is down."""
    forms = []
    for form in STROKES[name]:
        points: list[tuple[float, float]] = []
        pen: list[bool] = []
        for kind, stroke in re.findall(r"([|~])([^|~]*)", form):
            line = [(int(x) / 100, int(y) / 100) for x, y in (point.split(",") for point in stroke.split())]
            line = rounded(line) if kind == "~" else line
            pen += [False] * bool(points) + [True] * (len(line) - 1)
            points += line
        forms.append((points, pen))
    return forms


def rounded(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A smooth line through the points: the spline of Catmull and Rom (1974), closed if its ends meet."""
    closed = points[0] == points[-1]
    ends = (points[-2], points[1]) if closed else (points[0], points[-1])
    p = torch.tensor([ends[0], *points, ends[1]], dtype=torch.float64)
    t = (torch.arange(POINTS_A_SPAN, dtype=torch.float64) / POINTS_A_SPAN)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    spans = b + 0.5 * t * ((c - a) + t * ((2 * a - 5 * b + 4 * c - d) + t * (3 * (b - c) + d - a)))
    return [(float(x), float(y)) for x, y in [*spans.reshape(-1, 2), p[-2]]]


def check(n: int, characters: str, *, scale: Range, stretch: Range, thickness: Range, contrast: Range) -> None:
    """Raise ValueError, with one sentence, unless the knobs are possible."""
    draw.at_least_one(n)
    draw.within("scale", scale, 0.05, 1)
    draw.within("stretch", stretch, 0.1, 3)
    draw.within("thickness", thickness, 0.001, 0.5)
    draw.within("contrast", contrast, 0, 1)
    unknown = [name for name in characters if name not in STROKES]
    if unknown or not characters or len(set(characters)) < len(characters):
        raise ValueError(f"the characters are {characters!r}; expected some of {''.join(STROKES)}, each once")

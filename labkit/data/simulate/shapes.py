"""Line drawings of geometric shapes: a tiny set of originals, and as many more as you like.

Deck 001 grows four drawings into a training set. ``original_shapes`` are four such drawings: one pen, full
contrast, upright. ``shapes`` draws each image afresh, with its own size, place, angle, pen and contrast, so
that a set grown by augmentation can be compared with what it imitates.

A shape is a polygon with corners r·(cos φ_k, sin φ_k) about its centre, or a circle. Its outline is drawn
from the signed distance to it, hence without jagged edges.
"""

from math import pi

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number, Planes, Range
from labkit.shapes import PerSample

SHAPES = ("circle", "triangle", "square", "star", "pentagon", "hexagon", "cross")
"""The shapes there are. The first four are the default classes."""

ABOUT = About(name="shapes", licence="simulated: free of rights", source="simulated")


def shapes(
    n: int,
    *,
    generator: torch.Generator | None = None,
    size: int = 32,
    classes: tuple[str, ...] = SHAPES[:4],
    scale: Range = (0.45, 0.8),
    rotation: Range = (-180.0, 180.0),
    shift: Number = 0.15,
    line_width: Range = (0.03, 0.08),
    contrast: Range = (0.5, 1.0),
    wobble: Number = 0.03,
    noise: Number = 0.02,
    paper: Number = 1.0,
    fill: bool = False,
) -> Dataset:
    """Line drawings of shapes, (n, 1, size, size) in [0, 1]; the label is the shape, every shape equally often.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        size: pixels along a side.
        classes: some of ``SHAPES``.
        scale: range of the radius of the shape's circumcircle, as a share of half the image.
        rotation: range of the angle in degrees, counter-clockwise.
        shift: the centre lies within ± this share of half the image, as far as the shape stays in the image.
        line_width: range of the pen's width as a share of the image's side.
        contrast: range of the difference between ink and paper.
        wobble: how far a line strays from straight, as a share of half the image: an unsteady hand.
        noise: standard deviation of the noise on each pixel.
        paper: grey value of the paper: 1 for dark ink on white, 0 for white chalk on black.
        fill: filled shapes instead of outlines.

    Returns:
        A data set whose ``extra`` holds ``scale``, ``rotation`` (degrees), ``line_width`` and ``contrast`` of
        each image, (n,) each, and ``centre``, (n, 2): x to the right and y down, in [-1, 1].

    Raises:
        ValueError: if a class is unknown or a range is impossible.
    """
    check(n, classes, scale=scale, line_width=line_width, contrast=contrast, paper=paper)
    labels = draw.balanced(generator, n, len(classes))
    extra = {
        "scale": draw.uniform(generator, (n,), scale),
        "rotation": draw.uniform(generator, (n,), rotation),
        "line_width": draw.uniform(generator, (n,), line_width),
        "contrast": draw.uniform(generator, (n,), contrast),
    }
    room = (1 - 2 / size - extra["scale"] - extra["line_width"] - 1.5 * wobble).clamp(0, shift)
    extra["centre"] = draw.uniform(generator, (n, 2), (-1, 1)) * room[:, None]
    x, y = draw.pixels(size, labels.device)
    x, y = wobbled(x - extra["centre"][:, 0, None, None] * size / 2, y - extra["centre"][:, 1, None, None] * size / 2,
                   amount=wobble * size / 2, wavelength=size, generator=generator)  # fmt: skip
    x, y = draw.turned(x, y, -extra["rotation"] * pi / 180)
    distance = torch.empty_like(x)
    for k, name in enumerate(classes):
        of = labels == k
        distance[of] = outline(name, x[of], y[of], extra["scale"][of] * size / 2)
    width = extra["line_width"][:, None, None] * size
    ink = draw.cover(distance if fill else distance.abs() - width / 2)
    image = paper + (1 - 2 * paper) * extra["contrast"][:, None, None] * ink
    image = image + noise * draw.normal(generator, tuple(image.shape))
    return Dataset(image.clamp(0, 1).unsqueeze(1), labels, classes, ABOUT, extra)


def original_shapes(*, size: int = 64, paper: Number = 1.0) -> Dataset:
    """The four originals: a circle, a triangle, a square and a star, one pen, full contrast, (4, 1, size, size)."""
    drawn = shapes(
        4, generator=torch.Generator().manual_seed(1), size=size, scale=(0.7, 0.7), rotation=(0, 0), shift=0.0,
        line_width=(0.045, 0.045), contrast=(1, 1), wobble=0.02, noise=0.0, paper=paper,
    )  # fmt: skip
    return drawn.take(drawn.y.argsort())


def outline(name: str, x: Planes, y: Planes, radius: PerSample) -> Planes:
    """Signed distance (B, H, W) to shapes of circumradius ``radius`` (B,), all of one name, around the origin."""
    if name == "circle":
        return torch.hypot(x, y) - radius[:, None, None]
    corners = torch.tensor(unit_corners(name), device=x.device, dtype=x.dtype)
    return draw.polygon(x, y, corners * radius[:, None, None])


def unit_corners(name: str) -> list[tuple[float, float]]:
    """The corners of an upright shape in the unit circle, as (x, y) with y pointing down."""
    if name == "cross":
        a, b = 0.93, 0.34
        return [
            (b, -a),
            (b, -b),
            (a, -b),
            (a, b),
            (b, b),
            (b, a),
            (-b, a),
            (-b, b),
            (-a, b),
            (-a, -b),
            (-b, -b),
            (-b, -a),
        ]
    k = {"triangle": 3, "square": 4, "star": 10, "pentagon": 5, "hexagon": 6}[name]
    first = pi / 4 if name == "square" else pi / 2
    radii = [0.42 if name == "star" and i % 2 else 1.0 for i in range(k)]
    at = torch.tensor([first + 2 * pi * i / k for i in range(k)], dtype=torch.float64)
    r = torch.tensor(radii, dtype=torch.float64)
    return [(float(u), float(v)) for u, v in zip(r * at.cos(), -r * at.sin())]


def wobbled(
    x: Planes, y: Planes, *, amount: Number, wavelength: Number, generator: torch.Generator | None
) -> tuple[Planes, Planes]:
    """The coordinates (B, H, W) displaced by three smooth waves an axis, at most ``amount`` in sum."""
    n = len(x)
    turn, phase = (draw.uniform(generator, (2, 3, n, 1, 1), (0, 2 * pi)) for _ in range(2))
    wave = 2 * pi / wavelength * draw.uniform(generator, (2, 3, n, 1, 1), (0.6, 1.8))
    shift = [
        sum(torch.sin(wave[a, i] * (turn[a, i].cos() * x + turn[a, i].sin() * y) + phase[a, i]) for i in range(3))
        for a in range(2)
    ]
    return x + amount / 3 * shift[0], y + amount / 3 * shift[1]


def check(n: int, classes: tuple[str, ...], *, scale: Range, line_width: Range, contrast: Range, paper: Number) -> None:
    """Raise ValueError, with one sentence, unless the knobs are possible."""
    draw.at_least_one(n)
    draw.within("scale", scale, 0.05, 1)
    draw.within("line_width", line_width, 0, 0.5)
    draw.within("contrast", contrast, 0, 1)
    draw.within("paper", (paper, paper), 0, 1)
    unknown = [name for name in classes if name not in SHAPES]
    if unknown or not classes:
        raise ValueError(f"the classes are {classes}; expected some of {', '.join(SHAPES)}")

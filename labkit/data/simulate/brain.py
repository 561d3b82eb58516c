"""Slices of the brain as on MRI, with and without a tumour, and the tumour's mask: a simulator for segmentation.

From outside in: dark air, bright skin and fat, dark bone, dark water, grey matter folded around white matter, the
two dark wings of the ventricles, and the dark fissure between the halves, as in a T1-weighted axial slice with
contrast agent. A tumour is a ragged blob with a bright rim, a darker dead core, and a dull swelling around it; the
mask is the blob without the swelling.
"""

from math import pi

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number, Planes, Range, column, smoothed
from labkit.shapes import Images

CLASSES = ("healthy", "tumour")
ABOUT = About(name="brain", licence="simulated: free of rights", source="simulated")


def brain(
    n: int,
    *,
    generator: torch.Generator | None = None,
    size: int = 96,
    tumour: Number = 0.5,
    radius: Range = (0.06, 0.14),
    contrast: Range = (0.5, 1.0),
    noise: Number = 0.02,
) -> Dataset:
    """Axial slices, (n, 1, size, size) in [0, 1], the front of the head up; the label says whether there is a tumour.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        size: pixels along a side.
        tumour: share of the slices with a tumour.
        radius: range of the tumour's radius as a share of the side.
        contrast: range of a factor on the difference between tumour and brain.
        noise: standard deviation of the noise in either channel of the scanner, whose magnitude is the image.

    Returns:
        A data set whose ``extra`` holds ``mask`` (n, size, size) bool: the tumour, empty for healthy slices;
        ``brain`` (n, size, size) bool: what lies inside the skull; ``healthy`` (n, 1, size, size): the same slice,
        noise and all, without the tumour.

    Raises:
        ValueError: if a number or a range is impossible.
    """
    draw.at_least_one(n)
    draw.within("tumour", (tumour, tumour), 0, 1)
    draw.within("radius", radius, 0.02, 0.2)
    draw.within("contrast", contrast, 0, 1)
    order = torch.randperm(n, generator=generator, device=draw.device_of(generator))
    labels = (order < round(n * tumour)).long()
    x, y = draw.pixels(size, labels.device)
    u, v = head(x / size, y / size, n, generator)
    healthy, inside = anatomy(u, v, generator)
    blob, change = growth(u, v, healthy, radius, generator)
    change = change * column(draw.uniform(generator, (n,), contrast) * labels) * inside
    real, imaginary = noise * draw.normal(generator, (2, n, size, size))
    gain = 1 + 0.08 * draw.texture(generator, n, size, grain=size / 4)  # the coil hears one side better

    def scanned(image: Planes) -> Images:
        return torch.hypot(image * gain + real, imaginary).clamp(0, 1).unsqueeze(1)

    extra = {"mask": (blob * inside > 0.5) & (column(labels) > 0), "brain": inside > 0.5, "healthy": scanned(healthy)}
    return Dataset(scanned(healthy + change), labels, CLASSES, ABOUT, extra)


def head(x: Planes, y: Planes, n: int, generator: torch.Generator | None) -> tuple[Planes, Planes]:
    """Coordinates in which this head's brain is the ellipse u² + v² = 1 about, (n, H, W): turned, sized, a bit odd."""
    u, v = draw.turned(x, y, draw.uniform(generator, (n,), (-0.12, 0.12)))
    u = u / column(draw.uniform(generator, (n,), (0.305, 0.34)))
    v = v / column(draw.uniform(generator, (n,), (0.37, 0.4)))
    u = u * (1 + 0.06 * v)  # narrower at the front
    bump = column(draw.uniform(generator, (n,), (0, 2 * pi)))
    swell = 1 + 0.02 * torch.sin(3 * torch.atan2(v, u) + bump)
    return u * swell, v * swell


def anatomy(u: Planes, v: Planes, generator: torch.Generator | None) -> tuple[Planes, Planes]:
    """The slice without tumour or noise, and the share of each pixel that lies inside the skull."""
    n, size = len(u), u.shape[-1]
    edge = 3.0 / size  # about one pixel, in units of the brain's radius
    r = torch.hypot(u, v)
    inside = step(1.0 - r, edge)
    image = 0.75 * step(1.18 - r, edge) - 0.65 * step(1.115 - r, edge)  # skin and fat, then bone
    folds = draw.texture(generator, n, size, grain=size / 42)
    white = smoothed(0.5 + (0.80 - r + 0.13 * folds) / 0.14)
    tissue = 0.40 + 0.2 * white + 0.012 * draw.texture(generator, n, size, grain=size / 60)
    furrow = torch.exp(-((draw.texture(generator, n, size, grain=size / 40) / 0.28) ** 2))
    tissue = tissue - 0.3 * furrow * smoothed((r - 0.66) / 0.25)
    nuclei = torch.hypot((u.abs() - 0.33) / 0.14, (v - 0.02) / 0.24)
    tissue = tissue - 0.12 * step(1 - nuclei, 0.3)
    middle = u + 0.02 * torch.sin(4 * v + column(draw.uniform(generator, (n,), (0, 2 * pi))))
    tissue = tissue - 0.3 * torch.exp(-((middle / 0.022) ** 2)) * smoothed((v.abs() - 0.42) / 0.1)
    tissue = tissue - (tissue - 0.12) * ventricles(u, v, generator)
    tissue = 0.1 + (tissue - 0.1) * step(0.965 - r, edge)  # water between brain and bone
    return (image + (tissue - image) * inside).clamp(0, 1), inside


def ventricles(u: Planes, v: Planes, generator: torch.Generator | None) -> Planes:
    """The two wings filled with water: front and back horns on either side, bent away from the middle."""
    n = len(u)
    wide = column(draw.uniform(generator, (n,), (0.055, 0.1)))
    front = torch.hypot((u.abs() - 0.10 - 0.4 * (v + 0.12).square()) / wide, (v + 0.22) / 0.2)
    back = torch.hypot((u.abs() - 0.15 - 0.55 * (v - 0.12).clamp_min(0)) / (0.8 * wide), (v - 0.3) / 0.22)
    third = torch.hypot(u / 0.025, (v - 0.03) / 0.16)
    return torch.maximum(torch.maximum(step(1 - front, 0.4), step(1 - back, 0.4)), step(1 - third, 0.6))


def growth(
    u: Planes, v: Planes, healthy: Planes, radius: Range, generator: torch.Generator | None
) -> tuple[Planes, Planes]:
    """A tumour's share of each pixel, and the change of brightness it and its swelling bring."""
    n, size = len(u), u.shape[-1]
    where = draw.uniform(generator, (n,), (0, 2 * pi))
    away = draw.uniform(generator, (n,), (0.3, 0.62))
    x, y = u - column(away * where.cos()), v - column(away * where.sin())
    angle = torch.atan2(y, x)
    rough = torch.zeros_like(u)
    for k in range(2, 7):
        phase = column(draw.uniform(generator, (n,), (0, 2 * pi)))
        rough = rough + column(draw.uniform(generator, (n,), (0.0, 0.09))) * torch.sin(k * angle + phase)
    r = column(draw.uniform(generator, (n,), radius)) / 0.36
    depth = (r * (1 + rough) - torch.hypot(x, y)) / r  # 1 in the middle, 0 on the outline
    blob = smoothed(0.5 + depth * r * size / 5)
    core = smoothed((depth - column(draw.uniform(generator, (n,), (0.25, 0.7)))) / 0.25)
    uneven = 0.05 * draw.texture(generator, n, size, grain=size / 30)
    bright = column(draw.uniform(generator, (n,), (0.78, 0.95))) - 0.45 * core + uneven
    swelling = smoothed(1 + depth / column(draw.uniform(generator, (n,), (0.35, 0.8)))) * (1 - blob)
    return blob, blob * (bright - healthy) - 0.12 * swelling * (healthy > 0.2)


def step(level: Planes, width: Number) -> Planes:
    """A smooth step from 0 to 1 where ``level`` passes 0, ``width`` wide."""
    return smoothed(0.5 + level / width)

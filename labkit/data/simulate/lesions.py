"""Liver lesions as on CT, in three classes: a simulator of the 182 regions of interest that Frid-Adar et al. had.

Liver is mid-grey and grainy, with brighter vessels, in the portal-venous phase. In it lies, in the middle,

- a *cyst*: water. Round, sharp, evenly dark.
- a *metastasis*: a ragged, blurred margin, uneven inside, darkest in the middle where it has died.
- a *hemangioma*: dark with a lobed margin and bright nodules along the rim, which fill from the outside.

Sizes, contrasts and margins overlap, so that no single number tells the classes apart. M. Frid-Adar et al.,
GAN-based Synthetic Medical Image Augmentation for Increased CNN Performance in Liver Lesion Classification,
Neurocomputing 321, 2018: 53 cysts, 64 metastases and 65 hemangiomas, 64×64.
"""

from math import pi

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number, Planes, Range, column, smoothed
from labkit.shapes import Labels, PerSample

CLASSES = ("cyst", "metastasis", "hemangioma")
ABOUT = About(
    name="lesions",
    licence="simulated: free of rights",
    citation="after M. Frid-Adar et al., GAN-based Synthetic Medical Image Augmentation, Neurocomputing 321, 2018",
    source="simulated",
)


def lesions(
    n: int | tuple[int, int, int] = (53, 64, 65),
    *,
    generator: torch.Generator | None = None,
    size: int = 64,
    radius: Range = (0.16, 0.36),
    contrast: Range = (0.6, 1.0),
    grain: Number = 1.1,
    noise: Number = 0.045,
) -> Dataset:
    """Regions of interest around a liver lesion, (n, 1, size, size) in [0, 1]; the label is the kind of lesion.

    Args:
        n: how many: of each class (cysts, metastases, hemangiomas), or in all, and then equally many of each.
        generator: the source of all randomness, and the device.
        size: pixels along a side.
        radius: range of the lesion's radius as a share of the side.
        contrast: range of a factor on the difference between lesion and liver.
        grain: size of the noise's grains in pixels, as the scanner's reconstruction leaves them.
        noise: standard deviation of the noise.

    Returns:
        A data set in random order whose ``extra`` holds ``mask`` (n, size, size) bool: the lesion; ``healthy``
        (n, 1, size, size): the same slice, noise and all, without the lesion; ``radius`` (n,) in pixels.

    Raises:
        ValueError: if a number or a range is impossible.
    """
    draw.within("radius", radius, 0.03, 0.45)
    draw.within("contrast", contrast, 0, 1)
    if isinstance(n, int):
        draw.at_least_one(n)
        labels = draw.balanced(generator, n, 3)
    else:
        labels = shuffled(n, generator)
    total = len(labels)
    flesh, vessels, brightness = liver(total, size, generator)
    x, y = draw.pixels(size, labels.device)
    r = draw.uniform(generator, (total,), radius) * size
    depth, blur = margin(x, y, labels, r, generator)
    inside = smoothed(0.5 + depth / column(blur))
    change = tissue(depth, x, y, labels, r, generator) * column(draw.uniform(generator, (total,), contrast))
    healthy = flesh + vessels
    sick = flesh + (1 - inside) * vessels + inside * change * column(brightness)
    speckle = noise * draw.texture(generator, total, size, grain=grain)
    extra = {"mask": inside > 0.5, "healthy": (healthy + speckle).clamp(0, 1).unsqueeze(1), "radius": r}
    return Dataset((sick + speckle).clamp(0, 1).unsqueeze(1), labels, CLASSES, ABOUT, extra)


def shuffled(counts: tuple[int, int, int], generator: torch.Generator | None) -> Labels:
    """Labels with so many of each class, in random order."""
    if min(counts) < 0 or sum(counts) < 1:
        raise ValueError(f"n is {counts}; expected three numbers of at least 0, not all 0")
    device = draw.device_of(generator)
    labels = torch.arange(3, device=device).repeat_interleave(torch.tensor(counts, device=device))
    return labels[torch.randperm(len(labels), generator=generator, device=device)]


def liver(n: int, size: int, generator: torch.Generator | None) -> tuple[Planes, Planes, PerSample]:
    """Liver without a lesion, its vessels apart, both (n, size, size), and its mean brightness (n,)."""
    brightness = draw.uniform(generator, (n,), (0.54, 0.66))
    flesh = column(brightness) * (1 + 0.05 * draw.texture(generator, n, size, grain=size / 7))
    x, y = draw.pixels(size, flesh.device)
    vessels = torch.zeros_like(flesh)
    unit = size / 64
    for _ in range(5):
        u, v = draw.turned(x, y, draw.uniform(generator, (n,), (0, 2 * pi)))
        away, middle, bend = (column(draw.uniform(generator, (n,), (low, high))) * size
                              for low, high in [(0.1, 0.5), (-0.45, 0.45), (-0.4, 0.4)])  # fmt: skip
        wide = column(draw.uniform(generator, (n,), (1.2, 3.2))) * unit
        long = wide * column(draw.uniform(generator, (n,), (1.0, 7.0)))  # from cut across to cut along
        u, v = u - middle, v - away - bend * ((u - middle) / size) ** 2
        tube = wide - torch.hypot((u.abs() - long + wide).clamp_min(0), v)
        vessels = torch.maximum(vessels, smoothed(0.5 + tube / (2.5 * unit)))
    return flesh, 0.13 * vessels, brightness


def margin(
    x: Planes, y: Planes, labels: Labels, r: PerSample, generator: torch.Generator | None
) -> tuple[Planes, PerSample]:
    """How deep each pixel lies below the lesion's outline, in pixels, and how wide the outline is blurred."""
    n, cyst, hemangioma = len(labels), labels == 0, labels == 2
    angle = torch.atan2(y, x)
    # Lobes: a few waves around the outline, long ones for all, short ones for the ragged margin of a metastasis.
    rough = torch.zeros_like(angle).repeat(n, 1, 1)
    for k in range(2, 8):
        low, high = (0.01, 0.05) if k < 4 else (0.0, 0.04)
        size = draw.uniform(generator, (n,), (low, high))
        many = torch.where(hemangioma, 1.6 if k < 5 else 0.7, 1.4)
        size = size * torch.where(cyst, draw.uniform(generator, (n,), (0.2, 0.9)), many)
        rough = rough + column(size) * torch.sin(k * angle + column(draw.uniform(generator, (n,), (0, 2 * pi))))
    squeeze = draw.uniform(generator, (n,), (0.78, 1.0))
    u, v = draw.turned(x, y, draw.uniform(generator, (n,), (0, pi)))
    distance = torch.hypot(u, v / column(squeeze))
    sharp, soft = draw.uniform(generator, (n,), (1.2, 4.0)), draw.uniform(generator, (n,), (2.5, 9.0))
    blur = torch.where(cyst, sharp, torch.where(hemangioma, 0.55 * soft, soft)) * x.shape[-1] / 64
    return column(r) * (1 + rough) - distance, torch.minimum(blur, r)


def tissue(
    depth: Planes, x: Planes, y: Planes, labels: Labels, r: PerSample, generator: torch.Generator | None
) -> Planes:
    """The change of brightness inside each lesion, relative to the liver's, (n, size, size)."""
    n, size = len(labels), x.shape[-1]
    cyst = column(draw.uniform(generator, (n,), (-0.62, -0.4))) + 0.015 * draw.texture(generator, n, size, grain=3)
    inward = (depth / column(r)).clamp(0, 1)
    dead = smoothed((inward - column(draw.uniform(generator, (n,), (0.3, 0.75)))) / 0.35)
    uneven = draw.texture(generator, n, size, grain=size / 20)
    metastasis = column(draw.uniform(generator, (n,), (-0.4, -0.24))) - 0.2 * dead + 0.055 * uneven
    hemangioma = column(draw.uniform(generator, (n,), (-0.5, -0.28))) + 0.03 * uneven
    hemangioma = hemangioma + nodules(inward, x, y, generator) * 0.85
    kinds = torch.stack([cyst, metastasis, hemangioma])
    return kinds[labels, torch.arange(n, device=labels.device)]


def nodules(inward: Planes, x: Planes, y: Planes, generator: torch.Generator | None) -> Planes:
    """Bright lumps along the rim, in [0, 1]: three to six of them, gone at about a third of the depth."""
    n = len(inward)
    angle = torch.atan2(y, x)
    lumps = torch.zeros_like(inward)
    for i in range(6):
        at = column(draw.uniform(generator, (n,), (0, 2 * pi)))
        wide = column(draw.uniform(generator, (n,), (0.22, 0.48)))
        deep = column(draw.uniform(generator, (n,), (0.14, 0.36)))
        there = (draw.uniform(generator, (n,), (0, 1)) < 0.65).float() if i >= 3 else torch.ones_like(inward[:, 0, 0])
        near = (1 - torch.cos(angle - at)) / (1 - torch.cos(wide))
        lump = torch.exp(-near - ((inward - 0.12) / deep) ** 2)
        lumps = torch.maximum(lumps, lump * column(there))
    return lumps

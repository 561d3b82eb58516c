"""Eyes that look somewhere: a simulator for Simulated+Unsupervised learning, with exact gaze and pupil.

An eyeball of radius R sits behind two lids. It is turned by the gaze (pitch, yaw), so its iris and pupil appear at

    x = R·cos(pitch)·sin(yaw),   y = −R·sin(pitch)     (y points down)

and foreshortened by the cosine of the angle away from the camera. Lids, lashes, brow, skin, lamp and glint are
drawn around it. Shrivastava et al., Learning from Simulated and Unsupervised Images through Adversarial Training
(CVPR 2017), used rendered eyes of 55×35 with gaze; so is this one by default.
"""

from math import radians

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number, Planes, Points, Range, column, cover, smoothed
from labkit.shapes import PerSample

ABOUT = About(name="eyes", licence="simulated: free of rights", source="simulated")
RADIUS = 17.0
"""R, the radius of the eyeball, in pixels of an image 55 wide."""


def eyes(
    n: int,
    *,
    generator: torch.Generator | None = None,
    size: tuple[int, int] = (35, 55),
    pitch: Range = (-20.0, 20.0),
    yaw: Range = (-30.0, 30.0),
    openness: Range = (0.75, 1.0),
    skin: Range = (0.45, 0.75),
    iris: Range = (0.2, 0.45),
    contrast: Range = (1.0, 1.0),
    blur: Range = (0.0, 0.0),
    noise: Number = 0.0,
) -> Dataset:
    """Grey images of one eye, (n, 1, H, W) in [0, 1]; the target is the gaze, (n, 2): pitch and yaw in radians.

    As it is, the image is what a renderer makes: crisp. ``contrast=(0.35, 0.6), blur=(0.8, 1.4), noise=0.02``
    make it what a cheap camera sees, the "real" domain of a toy experiment.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        size: (H, W) in pixels.
        pitch: range of the gaze upwards, in degrees.
        yaw: range of the gaze to the right of the image, in degrees.
        openness: range of the lids' opening, 1 for wide open.
        skin: range of the skin's brightness.
        iris: range of the iris's brightness.
        contrast: range of a factor on every pixel's distance from the image's mean.
        blur: range of the standard deviation of a Gaussian blur, in pixels of a 55 wide image.
        noise: standard deviation of the noise on each pixel.

    Returns:
        A data set whose ``extra`` holds ``pupil`` (n, 2): the centre of the pupil as x, y in pixels from the middle
        of the image, y down; ``opening`` (n, H, W) bool: the part of the eye between the lids.

    Raises:
        ValueError: if a range is impossible.
    """
    draw.at_least_one(n)
    for name, limits, least, most in [("pitch", pitch, -60, 60), ("yaw", yaw, -60, 60), ("openness", openness, 0.2, 1),
                                    ("skin", skin, 0, 1), ("iris", iris, 0, 1), ("contrast", contrast, 0, 1),
                                    ("blur", blur, 0, 10)]:  # fmt: skip
        draw.within(name, limits, least, most)
    gaze = torch.stack([draw.uniform(generator, (n,), (radians(a), radians(b))) for a, b in (pitch, yaw)], 1)
    unit = size[1] / 55
    x, y = draw.pixels(size, gaze.device)
    centre = draw.uniform(generator, (n, 2), (-1.5, 1.5)) * unit
    x, y = x - column(centre[:, 0]), y - column(centre[:, 1])
    opening, lid, low = lids(x, y, draw.uniform(generator, (n,), openness), gaze[:, 0], unit, generator)
    ball, pupil = eyeball(x, y, gaze, draw.uniform(generator, (n,), iris), unit, generator)
    ball = ball * (1 - 0.55 * torch.exp(-(lid / (3.2 * unit)).clamp_min(0)))  # the upper lid's shadow
    image = face(x, y, lid, draw.uniform(generator, (n,), skin), unit, generator)
    image = image + (ball - image) * opening
    image = lashes(image, x, lid, low, unit, generator)
    image = camera(image, contrast=contrast, blur=blur, noise=noise, unit=unit, generator=generator)
    extra = {"pupil": pupil + centre, "opening": opening > 0.5}
    return Dataset(image.unsqueeze(1), gaze, (), ABOUT, extra)


def lids(
    x: Planes, y: Planes, openness: PerSample, pitch: PerSample, unit: float, generator: torch.Generator | None
) -> tuple[Planes, Planes, Planes]:
    """The share of each pixel between the lids, how far it lies below the upper one and above the lower one, in pixels.

    Lids follow the eye when it looks up or down, half of the way.
    """
    n = len(openness)
    y = y + column(0.5 * RADIUS * unit * pitch.sin())
    half = draw.uniform(generator, (n,), (20.0, 23.0)) * unit
    upper = draw.uniform(generator, (n,), (8.5, 10.5)) * unit * openness
    lower = draw.uniform(generator, (n,), (5.5, 7.0)) * unit * openness
    peak, tilt = draw.uniform(generator, (2, n), (-0.15, 0.15)).unbind(0)
    u = (x / column(half)).clamp(-1.2, 1.2)
    arch = 1 - u**2 + column(peak) * u * (1 - u**2)
    corner = column(tilt) * x
    below_upper = y - corner + column(upper) * arch
    above_lower = column(lower) * (1 - u**2).clamp_min(-0.5) - (y - corner)
    inside = torch.minimum(torch.minimum(below_upper, above_lower), 0.8 * (column(half) - x.abs()))
    return cover(-inside), below_upper, above_lower


def eyeball(
    x: Planes, y: Planes, gaze: Points, iris: PerSample, unit: float, generator: torch.Generator | None
) -> tuple[Planes, Points]:
    """The eyeball without lids, (n, H, W), and the pupil's centre (n, 2) relative to the eye's."""
    n = len(gaze)
    pitch, yaw = gaze.unbind(1)
    toward = torch.stack([pitch.cos() * yaw.sin(), -pitch.sin()], 1)
    pupil = RADIUS * unit * toward
    # A disc turned away from the camera appears as an ellipse, shortened along the direction it looks to.
    dx, dy = x - column(pupil[:, 0]), y - column(pupil[:, 1])
    dx, dy = draw.turned(dx, dy, torch.atan2(toward[:, 1], toward[:, 0]))
    dx = dx / column((1 - toward.square().sum(1)).sqrt())
    r = torch.hypot(dx, dy)
    iris_radius = draw.uniform(generator, (n,), (7.2, 8.2)) * unit
    pupil_radius = iris_radius * draw.uniform(generator, (n,), (0.35, 0.5))
    white = column(draw.uniform(generator, (n,), (0.82, 0.95))) * (1 - 0.25 * (x / (24 * unit)) ** 2)
    spokes = torch.tensor([11.0, 17.0, 29.0], device=x.device).reshape(3, 1, 1, 1)
    phases = draw.uniform(generator, (3, n, 1, 1), (0, 6.28))
    fibres = torch.sin(spokes * torch.atan2(dy, dx) + phases).mean(0)
    inner = (r / column(iris_radius)).clamp(0, 1)
    colour = column(iris) * (1.1 + 0.25 * fibres * inner - 0.75 * smoothed((inner - 0.75) / 0.25))
    ball = white + (colour - white) * smoothed((column(iris_radius) - r) / (1.2 * unit) + 0.5)
    ball = ball + (0.03 - ball) * cover(r - column(pupil_radius))
    lamp = draw.uniform(generator, (n, 2), (-2.6, -1.2)) * unit
    glint = torch.hypot(x - column(pupil[:, 0] + lamp[:, 0]), y - column(pupil[:, 1] + lamp[:, 1]))
    return ball + (1 - ball) * cover(glint - 0.75 * unit), pupil


def face(x: Planes, y: Planes, lid: Planes, skin: PerSample, unit: float, generator: torch.Generator | None) -> Planes:
    """Skin with pores and side light, the crease above the upper lid, the shade of the socket, and the brow."""
    n, height, width = lid.shape
    side = draw.uniform(generator, (n,), (-0.18, 0.18))
    shade = 1 + column(side) * x / (27 * unit) + 0.05 * draw.texture(generator, n, (height, width), grain=4 * unit)
    image = column(skin) * (shade + 0.02 * draw.texture(generator, n, (height, width), grain=0.6))
    crease = column(draw.uniform(generator, (n,), (3.0, 4.5))) * unit
    image = image * (1 - 0.3 * torch.exp(-(((lid + crease) / (0.9 * unit)) ** 2)) * (x.abs() < 23 * unit))
    image = image * (1 - 0.12 * torch.exp(-((x / (24 * unit)) ** 2 + (y / (11 * unit)) ** 2)))
    place = column(draw.uniform(generator, (n,), (-18.0, -14.5))) * unit + 0.006 / unit * x**2
    hair = 1 + 0.3 * draw.texture(generator, n, (height, width), grain=0.8)
    return image * (1 - (0.5 * torch.exp(-(((y - place) / (2.2 * unit)) ** 2)) * hair).clamp(0, 0.8))


def lashes(
    image: Planes, x: Planes, lid: Planes, low: Planes, unit: float, generator: torch.Generator | None
) -> Planes:
    """The image with the dark rim of the upper lid, single lashes that stand off it, and the rim of the lower lid."""
    n = len(image)
    rim = torch.exp(-((lid / (0.9 * unit)) ** 2))
    beat = draw.uniform(generator, (n, 1, 1), (1.5, 2.0)) / unit
    lean = draw.uniform(generator, (n, 1, 1), (0.3, 0.6))
    phase = draw.uniform(generator, (n, 1, 1), (0, 6.28))
    comb = smoothed((torch.sin(beat * (x + lean * lid * x.sign()) + phase) - 0.2) / 0.8)
    tips = comb * smoothed((lid + 3.2 * unit) / (2.5 * unit)) * (lid < 0)
    fold = torch.exp(-((low / (0.8 * unit)) ** 2)) + 0.4 * torch.exp(-(((low + 3.5 * unit) / (1.5 * unit)) ** 2))
    ink = torch.maximum(torch.maximum(0.85 * rim, 0.55 * tips), 0.35 * fold)
    return image * (1 - ink * smoothed((22.5 * unit - x.abs()) / (2 * unit)))


def camera(
    image: Planes, *, contrast: Range, blur: Range, noise: Number, unit: float, generator: torch.Generator | None
) -> Planes:
    """The image as a camera with that contrast, blur and noise sees it, in [0, 1]."""
    n = len(image)
    factor = column(draw.uniform(generator, (n,), contrast))
    sigma = draw.uniform(generator, (n,), blur) * unit
    mean = image.mean((1, 2), keepdim=True)
    image = mean + factor * (image - mean)
    if blur[1] > 0:
        pad = 4
        padded = torch.nn.functional.pad(image[:, None], [pad] * 4, mode="reflect")[:, 0]
        image = draw.blurred(padded, sigma)[:, pad:-pad, pad:-pad]
    return (image + noise * draw.normal(generator, tuple(image.shape))).clamp(0, 1)

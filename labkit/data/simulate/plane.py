"""Two classics in the plane, small enough to draw: two moons, and blobs.

Moon 0 is the upper half of the unit circle, moon 1 the lower half of the same circle moved to (1, ½). Turned by an
angle they are the standard example of a domain that has shifted (Y. Ganin et al., Domain-Adversarial Training of
Neural Networks, JMLR 17, 2016).
"""

from math import pi

import torch

from labkit.data.dataset import About, Dataset
from labkit.data.simulate import draw
from labkit.data.simulate.draw import Number

ABOUT = About(name="points in the plane", licence="simulated: free of rights", source="simulated")


def moons(n: int, *, generator: torch.Generator | None = None, rotation: Number = 0.0, noise: Number = 0.1) -> Dataset:
    """Points of two interlocked moons, (n, 2); the label is the moon.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        rotation: the angle in degrees, counter-clockwise, about the middle of the two, (½, ¼).
        noise: standard deviation of the noise on each coordinate.

    Raises:
        ValueError: if there is not at least one point.
    """
    draw.at_least_one(n)
    labels = draw.balanced(generator, n, 2)
    angle = draw.uniform(generator, (n,), (0, pi))
    upper = torch.stack([angle.cos(), angle.sin()], 1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], 1)
    points = torch.where(labels[:, None] == 0, upper, lower) + noise * draw.normal(generator, (n, 2))
    middle = torch.tensor([0.5, 0.25], device=points.device)
    turn = torch.tensor(rotation * pi / 180, device=points.device)
    matrix = torch.stack([torch.stack([turn.cos(), -turn.sin()]), torch.stack([turn.sin(), turn.cos()])])
    return Dataset((points - middle) @ matrix.T + middle, labels, ("upper", "lower"), ABOUT)


def blobs(
    n: int,
    *,
    generator: torch.Generator | None = None,
    classes: int = 3,
    spread: Number = 0.35,
    stretch: Number = 1.0,
) -> Dataset:
    """Points of Gaussian blobs whose centres lie evenly on the unit circle, (n, 2); the label is the blob.

    Args:
        n: how many.
        generator: the source of all randomness, and the device.
        classes: how many blobs.
        spread: their standard deviation.
        stretch: how many times as long as wide each blob is; each has a direction of its own.

    Raises:
        ValueError: if there is not at least one point and one blob.
    """
    draw.at_least_one(n)
    if classes < 1:
        raise ValueError(f"classes is {classes}; expected at least one")
    labels = draw.balanced(generator, n, classes)
    angle = 2 * pi * labels / classes
    lie = draw.uniform(generator, (classes,), (0, pi))[labels]
    along, across = (spread * draw.normal(generator, (2, n, 1, 1))).unbind(0)
    x, y = draw.turned(along * stretch, across, -lie)
    points = torch.stack([angle.cos(), angle.sin()], 1) + torch.cat([x, y], 1)[..., 0]
    return Dataset(points, labels, tuple(f"blob {k}" for k in range(classes)), ABOUT)
